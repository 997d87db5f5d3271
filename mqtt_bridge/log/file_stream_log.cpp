#include "mqtt_bridge/log/file_stream_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/assert.hpp"
#include "base/checksum.hpp"
#include "base/log.hpp"
#include "mqtt_bridge/log/segment.hpp"

namespace fairstream::mqtt_bridge::log {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxSegmentFile = 1u << 30;
constexpr std::size_t kRemovedEntry = 16 + 8 + 32;

Error io_error(const fs::path& path, std::string_view doing) {
    return {"io_error", path.string() + ": cannot " + std::string(doing) + ": " + std::strerror(errno)};
}

Error in_file(const fs::path& path, const Error& error) {
    return {error.code, path.string() + ": " + error.message};
}

void append_removed(Bytes& to, const StreamHash& stream, const Position& removed) {
    append(to, stream);
    base::append_u64(to, removed.through);
    append(to, removed.head);
}

}  // namespace

FileStreamLog::FileStreamLog(fs::path folder, Limits limits) : folder_(std::move(folder)), limits_(limits) {}

fs::path FileStreamLog::segment_path(std::uint32_t number) const {
    char name[32];
    std::snprintf(name, sizeof name, "segment-%08u.log", number);
    return folder_ / name;
}

Result<std::unique_ptr<FileStreamLog>> FileStreamLog::open(const fs::path& folder, Limits limits) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail("io_error", folder.string() + ": cannot make the folder: " + error.message());
    std::unique_ptr<FileStreamLog> log(new FileStreamLog(folder, limits));
    FS_TRY(log->load());
    return log;
}

Status FileStreamLog::load() {
    const fs::path lock = folder_ / "lock";
    lock_ = base::FileDescriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_) return fail(io_error(lock, "open"));
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("in_use", folder_.string() + ": another process has this stream log open");
    FS_TRY(load_removed());
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        unsigned number = 0;
        const std::string name = entry.path().filename();
        if (std::sscanf(name.c_str(), "segment-%8u.log", &number) == 1 && segment_path(number).filename() == name)
            segments_.push_back(number);
    }
    if (error) return fail("io_error", folder_.string() + ": cannot list: " + error.message());
    std::ranges::sort(segments_);
    for (const std::uint32_t number : segments_) FS_TRY(load_segment(number, number == segments_.back()));
    if (segments_.empty()) return start_segment();
    const fs::path path = segment_path(segments_.back());
    newest_ = base::FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!newest_) return fail(io_error(path, "open"));
    return {};
}

Status FileStreamLog::load_removed() {
    const fs::path path = folder_ / "removed";
    auto bytes = base::read_file(path);
    if (!bytes && bytes.error().code == "not_found") return {};
    if (!bytes) return fail(std::move(bytes).error());
    const ByteView view = *bytes;
    if (view.size() < 4 || (view.size() - 4) % kRemovedEntry != 0 ||
        base::crc32c(view.subspan(4)) != base::read_u32(view))
        return fail("damaged", path.string() + ": its checksum is wrong");
    for (ByteView rest = view.subspan(4); !rest.empty(); rest = rest.subspan(kRemovedEntry)) {
        StreamHash stream;
        Position removed;
        std::copy_n(rest.begin(), 16, stream.begin());
        removed.through = base::read_u64(rest.subspan(16));
        std::copy_n(rest.begin() + 24, 32, removed.head.begin());
        index_.begin_after(stream, removed);
    }
    return {};
}

Status FileStreamLog::load_segment(std::uint32_t number, bool newest) {
    const fs::path path = segment_path(number);
    FS_ASSIGN(const Bytes file, base::read_file(path, kMaxSegmentFile));
    auto scan = scan_segment(file, number);
    if (!scan) return fail(in_file(path, scan.error()));
    if (scan->torn) {
        if (!newest) return fail("damaged", path.string() + ": it ends in the middle of a batch and is not the newest");
        base::log_warn("{}: cut {} torn bytes off the end", path.string(), file.size() - scan->good_bytes);
        if (scan->good_bytes == 0) FS_TRY(base::write_file(path, as_bytes(kMagic), 0600));
        scan->good_bytes = std::max<std::uint64_t>(scan->good_bytes, kMagic.size());
        if (::truncate(path.c_str(), static_cast<off_t>(scan->good_bytes)) != 0) return fail(io_error(path, "cut"));
    }
    for (const Scanned& found : scan->records) {
        switch (index_.judge(found.record)) {
            case Outcome::kAppended:
                index_.add(found.record, found.place);
                break;
            case Outcome::kDuplicate:
                break;  // removed in an earlier life
            default:
                return fail("damaged", path.string() + ": the bundle at byte " + std::to_string(found.place.offset) +
                                           " does not continue its stream");
        }
    }
    newest_bytes_ = scan->good_bytes;
    return {};
}

Status FileStreamLog::start_segment() {
    const std::uint32_t number = segments_.empty() ? 1 : segments_.back() + 1;
    const fs::path path = segment_path(number);
    FS_TRY(base::write_file(path, as_bytes(kMagic), 0600));
    base::FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) return fail(io_error(path, "open"));
    newest_ = std::move(fd);
    newest_bytes_ = kMagic.size();
    segments_.push_back(number);
    return {};
}

Status FileStreamLog::write_batch(std::span<const Record* const> records) {
    if (newest_bytes_ >= limits_.segment_bytes) FS_TRY(start_segment());
    std::vector<std::uint64_t> raw_offsets;
    const Bytes batch = encode_batch(records, raw_offsets);
    FS_TRY(base::write_all(newest_.get(), batch, newest_bytes_));
    if (::fdatasync(newest_.get()) != 0) return fail(io_error(segment_path(segments_.back()), "sync"));
    const std::unique_lock lock(mutex_);
    for (std::size_t i = 0; i < records.size(); ++i)
        index_.add(*records[i], {segments_.back(), newest_bytes_ + raw_offsets[i],
                                 static_cast<std::uint32_t>(records[i]->raw.size())});
    newest_bytes_ += batch.size();
    return {};
}

std::vector<Outcome> FileStreamLog::judge(std::span<const Record> records) const {
    std::vector<Outcome> out;
    std::map<StreamHash, std::vector<const Record*>> pending;
    for (const Record& record : records) {
        auto& before = pending[record.stream];
        Outcome outcome = Outcome::kGap;
        if (before.empty() || record.first < before.front()->first) {
            outcome = index_.judge(record);
        } else if (record.first == before.back()->last + 1) {
            outcome = record.previous == before.back()->head ? Outcome::kAppended : Outcome::kConflict;
        } else if (record.first <= before.back()->last) {
            const bool same = std::ranges::any_of(before, [&](const Record* held) {
                return held->first == record.first && held->last == record.last && held->head == record.head;
            });
            outcome = same ? Outcome::kDuplicate : Outcome::kConflict;
        }
        if (outcome == Outcome::kAppended) before.push_back(&record);
        out.push_back(outcome);
    }
    return out;
}

Result<std::vector<Outcome>> FileStreamLog::append(std::span<const Record> records) {
    const std::lock_guard writing(writing_);
    if (failed_) return fail("io_error", folder_.string() + ": an earlier write failed; the log must be opened anew");
    std::size_t bytes = 0;
    for (const Record& record : records) {
        FS_ASSERT(record.first > 0 && record.last >= record.first);
        if (record.raw.size() > limits_.max_record_bytes)
            return fail("too_large", "a bundle of " + std::to_string(record.raw.size()) + " bytes; at most " +
                                         std::to_string(limits_.max_record_bytes) + " are stored");
        bytes += kRecordHeader + record.raw.size();
    }
    if (bytes > kMaxBatchBytes) return fail("too_large", "at most 256 MiB are appended at once");
    std::vector<Outcome> outcomes = judge(records);
    std::vector<const Record*> accepted;
    for (std::size_t i = 0; i < records.size(); ++i)
        if (outcomes[i] == Outcome::kAppended) accepted.push_back(&records[i]);
    if (accepted.empty()) return outcomes;
    if (auto written = write_batch(accepted); !written) {
        failed_ = true;
        return fail(std::move(written).error());
    }
    return outcomes;
}

Result<std::vector<Record>> FileStreamLog::read(const StreamHash& stream, std::uint64_t from,
                                                std::size_t max_bytes) const {
    std::vector<Index::Entry> wanted;
    Hash previous{};
    {
        const std::shared_lock lock(mutex_);
        if (index_.is_removed(stream, from))
            return fail("deleted", "frame " + std::to_string(from) + " is kept no longer");
        std::size_t bytes = 0;
        for (const Index::Entry& entry : index_.from(stream, from)) {
            bytes += entry.place.size;
            if (!wanted.empty() && bytes > max_bytes) break;
            wanted.push_back(entry);
        }
        if (!wanted.empty()) previous = index_.head_before(stream, wanted.front().first);
    }
    std::vector<Record> out;
    base::FileDescriptor file;
    std::uint32_t opened = 0;
    for (const Index::Entry& entry : wanted) {
        const fs::path path = segment_path(entry.place.segment);
        if (opened != entry.place.segment) {
            file = base::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
            if (!file) return fail(io_error(path, "open"));
            opened = entry.place.segment;
        }
        auto raw = base::read_exact(file.get(), entry.place.size, entry.place.offset);
        if (!raw) return fail(in_file(path, raw.error()));
        out.push_back({stream, entry.first, entry.last, previous, entry.head, std::move(*raw)});
        previous = entry.head;
    }
    return out;
}

Position FileStreamLog::mark(const StreamHash& stream) const {
    const std::shared_lock lock(mutex_);
    return index_.mark(stream);
}

std::vector<std::pair<StreamHash, Position>> FileStreamLog::marks() const {
    const std::shared_lock lock(mutex_);
    return index_.marks();
}

Status FileStreamLog::remove(const StreamHash& stream, std::uint64_t through) {
    const std::lock_guard writing(writing_);
    std::vector<std::uint32_t> empty;
    Bytes body;
    {
        const std::unique_lock lock(mutex_);
        index_.remove(stream, through);
        for (const auto& [id, removed] : index_.removed()) append_removed(body, id, removed);
        for (std::size_t i = 0; i + 1 < segments_.size(); ++i)
            if (index_.live_in(segments_[i]) == 0) empty.push_back(segments_[i]);
    }
    Bytes file;
    base::append_u32(file, base::crc32c(body));
    fairstream::append(file, body);
    FS_TRY(base::write_file(folder_ / "removed", file, 0600));  // before the files go: positions must outlive them
    for (const std::uint32_t number : empty) {
        std::error_code error;
        fs::remove(segment_path(number), error);
        if (error) return fail("io_error", segment_path(number).string() + ": cannot remove: " + error.message());
        std::erase(segments_, number);
    }
    return base::sync_folder(folder_);
}

}  // namespace fairstream::mqtt_bridge::log
