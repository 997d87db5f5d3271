#include "mqtt_bridge/operator/stream_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/log.hpp"
#include "identity/crypto/frame.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

using identity::crypto::stream_hash;

namespace {

/// In the pool. What the ledger says of the stream; the id is found through the grant if it is not known.
Result<StreamInfo> ask_ledger(LedgerPort& ledger, const StreamHash& stream, std::string id, const std::string& grant) {
    if (id.empty()) {
        FS_ASSIGN(const auto reply, ledger.grant(grant));
        id = reply.grant().stream_id();
        if (stream_hash(id) != stream) return fail("unknown_stream", "the grant is for another stream");
    }
    FS_ASSIGN(const auto placement, ledger.placement(id));
    StreamInfo info;
    info.id = id;
    info.operators.assign(placement.operators().begin(), placement.operators().end());
    info.quorum = placement.quorum();
    FS_ASSIGN(info.writer, identity::crypto::VerifyingKey::from_sec1(as_bytes(placement.writer_key())));
    info.asked = base::wall_now();
    return info;
}

}  // namespace

Result<std::unique_ptr<StreamDirectory>> StreamDirectory::open(const std::filesystem::path& file, base::net::Loop& loop,
                                                               base::Pool& pool, LedgerPort& ledger) {
    std::unique_ptr<StreamDirectory> directory(new StreamDirectory(file, loop, pool, ledger));
    FS_TRY(directory->load());
    return directory;
}

Status StreamDirectory::load() {
    auto bytes = base::read_file(file_, 512u << 20);
    if (!bytes && bytes.error().code == "not_found") return {};
    if (!bytes) return fail(std::move(bytes).error());
    std::string_view rest = as_text(*bytes);
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        const std::string id(rest.substr(0, end));
        ids_[stream_hash(id)] = id;
        rest.remove_prefix(end + 1);
    }
    if (!rest.empty() && ::truncate(file_.c_str(), static_cast<off_t>(bytes->size() - rest.size())) != 0)
        return fail("io_error", file_.string() + ": cannot cut a torn line off the end");
    return {};
}

const StreamInfo* StreamDirectory::find(const StreamHash& stream) const {
    const auto found = infos_.find(stream);
    return found == infos_.end() ? nullptr : &found->second;
}

const std::string* StreamDirectory::id_of(const StreamHash& stream) const {
    const auto found = ids_.find(stream);
    return found == ids_.end() ? nullptr : &found->second;
}

bool StreamDirectory::learn(const std::string& id) {
    const StreamHash stream = stream_hash(id);
    if (ids_.contains(stream)) return true;
    const bool good = !id.empty() && id.size() <= kMaxIdBytes && ids_.size() < kMaxStreams &&
                      std::ranges::all_of(id, [](unsigned char c) { return c >= 0x20; });
    if (!good) return false;
    ids_[stream] = id;
    const base::FileDescriptor file(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    const std::string line = id + "\n";
    if (!file || ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        base::log_warn("{}: cannot be written; the stream is learned again after a restart", file_.string());
    return true;
}

void StreamDirectory::resolve(const StreamHash& stream, const std::string& grant, std::chrono::seconds max_age,
                              Answer answer) {
    const auto known = infos_.find(stream);
    if (known != infos_.end() && base::wall_now() - known->second.asked < max_age)
        return answer(Result<StreamInfo>(known->second));
    const auto id = ids_.find(stream);
    if (id == ids_.end() && grant.empty()) return answer(fail("unknown_stream", "nobody has named this stream yet"));
    auto& waiting = asking_[stream];
    waiting.push_back(std::move(answer));
    if (waiting.size() > 1) return;
    const std::string known_id = id == ids_.end() ? std::string() : id->second;
    const bool posted = asking_.size() <= kMaxAsking && pool_.post([this, stream, known_id, grant] {
        auto info = std::make_shared<Result<StreamInfo>>(ask_ledger(ledger_, stream, known_id, grant));
        scope_.post([this, stream, info] { answered(stream, *info); });
    });
    if (!posted) answered(stream, fail("busy", "too many streams are being looked up"));
}

void StreamDirectory::answered(const StreamHash& stream, const Result<StreamInfo>& info) {
    if (info) {
        learn(info->id);
        infos_.insert_or_assign(stream, *info);
    }
    const auto waiting = asking_.extract(stream);
    for (const Answer& answer : waiting.mapped()) answer(info);
}

}  // namespace fairstream::mqtt_bridge::storage_operator
