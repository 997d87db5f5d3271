#include "marketplace_dapp/client/stream_journal.hpp"

#include <fmt/format.h>

#include "base/config.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;

namespace {
constexpr const char* kFile = "journal.yaml";
}

fs::path StreamJournal::folder(const fs::path& state, const std::string& offer) {
    return state / "streams" / offer;
}

Result<std::optional<StreamJournal>> StreamJournal::load(const fs::path& folder) {
    auto config = base::Config::load(folder / kFile);
    if (!config && config.error().code == "not_found") return std::optional<StreamJournal>{};
    if (!config) return fail(config.error());
    StreamJournal journal;
    auto& token = journal.token;
    token.grant = config->text("grant", 64);
    token.stream_id = config->text("stream_id", 1024);
    token.key_epoch = static_cast<std::uint32_t>(config->integer("key_epoch", 1, UINT32_MAX));
    token.first_sequence = config->integer("first_sequence", 1, INT64_MAX);
    token.not_before_us = config->integer("not_before_us", 0, INT64_MAX);
    const auto previous = config->optional_text("previous_manifest", 64).value_or("");
    FS_TRY(config->finish());
    FS_ASSIGN(token.previous_manifest, base::from_hex(previous));
    return std::optional<StreamJournal>{std::move(journal)};
}

Status StreamJournal::save(const fs::path& folder) const {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) return fail("io_error", "cannot make " + folder.string() + ": " + error.message());
    const auto text = fmt::format(
        "# A streaming session under way. Removed when the ledger has recorded all of it.\n"
        "grant: \"{}\"\nstream_id: \"{}\"\nkey_epoch: {}\nfirst_sequence: {}\nnot_before_us: {}\n"
        "previous_manifest: \"{}\"\n",
        token.grant, token.stream_id, token.key_epoch, token.first_sequence, token.not_before_us,
        base::to_hex(token.previous_manifest));
    return base::write_file(folder / kFile, as_bytes(text), 0600);
}

void StreamJournal::clear(const fs::path& folder) {
    std::error_code ignored;
    fs::remove(folder / kFile, ignored);  // first: a spool without a journal is never taken up
    fs::remove_all(spool(folder), ignored);
}

}  // namespace fairstream::marketplace_dapp::client
