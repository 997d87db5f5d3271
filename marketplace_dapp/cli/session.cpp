#include "marketplace_dapp/cli/session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cstdio>

#include "base/file.hpp"
#include "identity/msp/certificate.hpp"

namespace fairstream::marketplace_dapp::cli {

namespace fs = std::filesystem;
using identity::crypto::SigningKey;

namespace {

constexpr std::size_t kMaxPassphraseBytes = 1024;
constexpr int kBarWidth = 30;

void draw(const client::Progress& progress) {
    if (progress.total == 0) {
        std::fprintf(stderr, "\r\033[K%s ...", progress.step.c_str());
    } else {
        const auto filled = static_cast<int>(kBarWidth * std::min(progress.done, progress.total) / progress.total);
        std::fprintf(stderr, "\r\033[K%s [%s%s] %3d %%", progress.step.c_str(),
                     std::string(static_cast<std::size_t>(filled), '#').c_str(),
                     std::string(static_cast<std::size_t>(kBarWidth - filled), '.').c_str(),
                     static_cast<int>(100 * std::min(progress.done, progress.total) / progress.total));
    }
    std::fflush(stderr);
}

void clear_bar(const Session& session) {
    if (!session.json && ::isatty(STDERR_FILENO)) std::fputs("\r\033[K", stderr);
}

}  // namespace

Result<fs::path> Session::key_file(const std::string& name) const {
    FS_TRY(identity::msp::check_name(name));
    return network / "keys" / (name + ".key");
}

Result<std::string> Session::passphrase() const {
    if (passphrase_file.empty()) return std::string{};
    FS_ASSIGN(const auto bytes, base::read_file(passphrase_file, kMaxPassphraseBytes));
    auto text = base::to_string(bytes);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

Result<SigningKey> Session::key() const {
    if (as.empty()) return fail("no_key", "who acts? Name a key with --as NAME (make one: `fairstream id new NAME`)");
    FS_ASSIGN(const auto file, key_file(as));
    FS_ASSIGN(const auto secret, passphrase());
    auto key = SigningKey::load(file, secret);
    if (!key && key.error().code == "not_found")
        return fail("no_key", fmt::format("no key '{}' in {}; make it with `fairstream id new {}`", as,
                                          file.parent_path().string(), as));
    return key;
}

Result<SigningKey> Session::key_or_anyone() const {
    if (as.empty()) return SigningKey::generate();
    return key();
}

Result<client::Connection*> Session::connect() {
    if (connection_) return connection_.get();
    FS_ASSIGN(auto profile, client::Profile::load(network));
    loop_ = std::make_unique<base::net::Loop>();
    loop_->start();
    connection_ = std::make_unique<client::Connection>(*loop_, std::move(profile));
    return connection_.get();
}

client::OnProgress Session::progress() const {
    if (json || !::isatty(STDERR_FILENO)) return {};
    return [](const client::Progress& progress) { draw(progress); };
}

Status tell(const Session& session, const boost::json::object& event) {
    if (!session.json) return {};
    std::printf("%s\n", boost::json::serialize(event).c_str());
    if (std::fflush(stdout) != 0) return fail("io_error", "cannot write to standard output");
    return {};
}

int report(const Session& session, const Result<Answer>& answer) {
    clear_bar(session);
    if (!answer) {
        const auto& error = answer.error();
        const boost::json::object as_json{{"error", {{"code", error.code}, {"message", error.message}}}};
        if (session.json)
            std::fprintf(stderr, "%s\n", boost::json::serialize(as_json).c_str());
        else
            std::fprintf(stderr, "error: %s (%s)\n", error.message.c_str(), error.code.c_str());
        return 1;
    }
    const auto text = session.json ? boost::json::serialize(answer->json) : answer->text;
    auto* const to = answer->aside && !session.json ? stderr : stdout;
    std::fprintf(to, "%s%s", text.c_str(), text.ends_with('\n') ? "" : "\n");
    return std::fflush(to) == 0 ? 0 : 1;
}

}  // namespace fairstream::marketplace_dapp::cli
