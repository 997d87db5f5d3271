#include "ledger/order/wal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crash_point.hpp"
#include "base/record_log.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/order/planted.hpp"

namespace fairstream::ledger::order {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSumBytes = 16;
constexpr std::uint32_t kMaxFrameBytes = 64u << 20;
constexpr std::uint64_t kMaxLogBytes = 1u << 30;  // read whole at the start

constexpr std::string_view kHowToRejoin =
    "; this node must not vote with this key again: give it a new key and certificate, and have the consortium replace "
    "its entry";

Bytes checksum(ByteView contents) {
    Bytes covered;
    base::append_u32(covered, static_cast<std::uint32_t>(contents.size()));
    append(covered, contents);
    const auto hash = identity::crypto::sha256(covered);
    return {hash.begin(), hash.begin() + kSumBytes};
}

constexpr base::RecordFormat kFormat{.magic = "FSVOTES1",
                                     .mark = 0x46535654,  // "FSVT"
                                     .max_bytes = kMaxFrameBytes,
                                     .sum_bytes = kSumBytes,
                                     .sum = checksum};

struct Scanned {
    std::vector<Bytes> records;
    std::uint64_t good_bytes = 0;
};

bool split_records(ByteView contents, std::vector<Bytes>& out) {
    while (!contents.empty()) {
        if (contents.size() < 4 || contents.size() - 4 < base::read_u32(contents)) return false;
        const auto length = base::read_u32(contents);
        out.push_back(to_bytes(contents.subspan(4, length)));
        contents = contents.subspan(4 + length);
    }
    return true;
}

Result<Scanned> scan(const fs::path& path, ByteView file) {
    Scanned scanned;
    const auto frames = base::scan_records(kFormat, file, [&](ByteView contents, std::uint64_t offset) -> Status {
        if (split_records(contents, scanned.records)) return {};
        return fail("damaged",
                    fmt::format("at byte {}: a frame that is no list of records", offset - kFormat.header_bytes()));
    });
    if (!frames) return fail(frames.error().code, path.string() + " " + frames.error().message);
    scanned.good_bytes = frames->good_bytes;
    return scanned;
}

Result<base::FileDescriptor> open_log(const fs::path& path, bool create) {
    base::FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600));
    if (!file && errno == ENOENT) return fail("not_found", "no vote log " + path.string());
    if (!file) return fail("io_error", fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("in_use", path.string() + " is in use: another process votes with this key");
    return file;
}

Status set_size(int fd, const fs::path& path, std::uint64_t size) {
    if (::ftruncate(fd, static_cast<off_t>(size)) != 0 || ::fsync(fd) != 0)
        return fail("io_error", fmt::format("cannot cut {}: {}", path.string(), std::strerror(errno)));
    return {};
}

/// Guard first, log second, so that a log without a guard is a loss and never a first start.
Result<Guard> open_guard(const VoteLog::Paths& paths, bool first_start) {
    auto guard = Guard::open(paths.guard);
    if (guard || guard.error().code != "not_found") return guard;
    if (first_start && !fs::exists(paths.log)) return Guard::create(paths.guard);
    return fail("votes_lost", "the vote guard " + paths.guard.string() + " is missing" + std::string(kHowToRejoin));
}

}  // namespace

VoteLog::VoteLog(Paths paths, Guard guard, base::FileDescriptor file, std::uint64_t size)
    : paths_(std::move(paths)), guard_(std::move(guard)), file_(std::move(file)), size_(size) {}

Result<VoteLog::Opened> VoteLog::open(const Paths& paths, std::uint64_t decided_height, bool new_key) {
    const bool first_start = decided_height == 0 || new_key;
    FS_ASSIGN(auto guard, open_guard(paths, first_start));
    const bool never_voted = guard.position() == Position{};
    auto file = open_log(paths.log, /*create=*/never_voted && first_start);
    if (!file && file.error().code == "not_found")
        return fail("votes_lost", "the vote log " + paths.log.string() + " is missing" + std::string(kHowToRejoin));
    if (!file) return fail(file.error());
    struct stat info {};
    if (::fstat(file->get(), &info) != 0) return fail("io_error", "cannot read " + paths.log.string());
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size > kMaxLogBytes) return fail("damaged", paths.log.string() + " at byte 0: larger than a vote log ever is");
    FS_ASSIGN(const auto bytes, base::read_exact(file->get(), size, 0));
    FS_ASSIGN(auto scanned, scan(paths.log, bytes));
    Opened opened;
    auto recovered = recover(scanned.records);
    if (!recovered)
        return fail("damaged", fmt::format("{} at byte {}: {}", paths.log.string(), kFormat.magic.size(),
                                           recovered.error().message));
    opened.recovered = std::move(*recovered);
    const bool lost = opened.recovered.last < guard.position() && guard.position().height > decided_height;
    if (lost && !planted(Bug::kIgnoreLoss))
        return fail("votes_lost", fmt::format("{} ends at {}, but this key has voted in {}{}", paths.log.string(),
                                              to_text(opened.recovered.last), to_text(guard.position()), kHowToRejoin));
    if (scanned.good_bytes == 0) {
        base::crash_point("votes.before_magic");
        FS_TRY(base::write_all(file->get(), as_bytes(kFormat.magic), 0));
        base::crash_point("votes.after_magic");
        scanned.good_bytes = kFormat.magic.size();
        FS_TRY(set_size(file->get(), paths.log, scanned.good_bytes));
        FS_TRY(base::sync_folder(paths.log.parent_path()));
    } else if (scanned.good_bytes < size) {
        opened.bytes_cut = size - scanned.good_bytes;
        base::crash_point("votes.before_tail_cut");
        FS_TRY(set_size(file->get(), paths.log, scanned.good_bytes));
    }
    if (opened.recovered.last > guard.position())
        FS_TRY(guard.advance(opened.recovered.last));  // crashed between the two syncs
    opened.recovered.last = guard.position();
    opened.log.reset(new VoteLog(paths, std::move(guard), std::move(*file), scanned.good_bytes));
    return opened;
}

Result<VoteLog::Inspection> VoteLog::inspect(const Paths& paths) {
    FS_ASSIGN(const auto bytes, base::read_file(paths.log, kMaxLogBytes));
    FS_ASSIGN(const auto scanned, scan(paths.log, bytes));
    FS_ASSIGN(const auto recovered, recover(scanned.records));
    FS_ASSIGN(const auto guard, Guard::read(paths.guard));
    return Inspection{recovered.last, guard, bytes.size(), scanned.good_bytes < bytes.size()};
}

Status VoteLog::append(std::span<const Bytes> records) {
    if (failed_) return fail("io_error", paths_.log.string() + " failed before; no further vote");
    Bytes contents;
    Position last = guard_.position();
    for (const auto& record : records) {
        FS_ASSIGN(const auto at, vote_position(record));
        if (at && *at <= last)
            return fail("vote_regression",
                        "a vote of " + to_text(*at) + ", but this key has voted in " + to_text(last));
        if (at) last = *at;
        base::append_u32(contents, static_cast<std::uint32_t>(record.size()));
        base::append(contents, record);
    }
    if (contents.size() > kMaxFrameBytes || size_ + kFormat.header_bytes() + contents.size() > kMaxLogBytes)
        return fail("too_large", fmt::format("{} bytes more in {}, which holds {}: it could not be opened again",
                                             contents.size(), paths_.log.string(), size_));
    if (auto written = write_frame(contents); !written) {
        failed_ = true;
        return written;
    }
    if (last == guard_.position()) return {};
    base::crash_point("votes.before_guard");
    auto moved = guard_.advance(last);
    failed_ = !moved;
    if (moved && planted(Bug::kEarlyCut)) return cut(guard_.position().height);
    return moved;
}

Status VoteLog::write_frame(ByteView contents) {
    const Bytes frame = base::encode_frame(kFormat, contents);
    base::crash_point("votes.before_write");
    FS_TRY(base::write_all(file_.get(), frame, size_));
    base::crash_point("votes.before_sync");
    if (::fdatasync(file_.get()) != 0)
        return fail("io_error", fmt::format("cannot sync {}: {}", paths_.log.string(), std::strerror(errno)));
    size_ += frame.size();
    return {};
}

Status VoteLog::cut(std::uint64_t height) {
    if (failed_ || size_ < paths_.cut_above || guard_.position().height > height) return {};
    base::crash_point("votes.before_cut");
    FS_TRY(set_size(file_.get(), paths_.log, kFormat.magic.size()));
    base::crash_point("votes.after_cut");
    size_ = kFormat.magic.size();
    return {};
}

}  // namespace fairstream::ledger::order
