#include "ledger/blocks/block_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <shared_mutex>
#include <vector>

#include "base/assert.hpp"
#include "base/checksum.hpp"
#include "base/file.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::blocks {

namespace fs = std::filesystem;

namespace {

// Record: u32 mark, u32 payload length, u64 height, u32 CRC-32C of (length, height, payload), payload.
constexpr std::uint32_t kMark = 0x4653424b;  // "FSBK"
constexpr std::size_t kHeaderBytes = 20;
constexpr std::uint64_t kSegmentBytes = 64u << 20;
constexpr std::uint32_t kMaxBlockBytes = 64u << 20;

std::uint32_t checksum(std::uint64_t height, ByteView payload) {
    Bytes covered;
    covered.reserve(12 + payload.size());
    base::append_u32(covered, static_cast<std::uint32_t>(payload.size()));
    base::append_u64(covered, height);
    append(covered, payload);
    return base::crc32c(covered);
}

Bytes encode_record(std::uint64_t height, ByteView payload) {
    Bytes out;
    out.reserve(kHeaderBytes + payload.size());
    base::append_u32(out, kMark);
    base::append_u32(out, static_cast<std::uint32_t>(payload.size()));
    base::append_u64(out, height);
    base::append_u32(out, checksum(height, payload));
    append(out, payload);
    return out;
}

/// A segment is named by its first block, so that a folder listing shows what it holds.
fs::path segment_path(const fs::path& folder, std::uint64_t first_height) {
    return folder / fmt::format("blocks-{:012}.seg", first_height);
}

Error damaged(const fs::path& file, std::uint64_t offset, const std::string& what) {
    return {"damaged", fmt::format("{} at byte {}: {}", file.string(), offset, what)};
}

class FileBlockStore : public BlockStore {
public:
    explicit FileBlockStore(fs::path folder) : folder_(std::move(folder)) {}

    Status load();
    std::uint64_t height() const override {
        std::shared_lock lock(mutex_);
        return places_.size();
    }
    Status append(std::uint64_t height, const proto::DecidedBlock& block) override;
    Result<proto::DecidedBlock> read(std::uint64_t height) const override;

private:
    struct Segment {
        fs::path path;
        base::FileDescriptor file;
        std::uint64_t bytes = 0;
    };
    struct Place {
        std::uint32_t segment;
        std::uint32_t length;
        std::uint64_t offset;  // of the payload
    };

    Result<std::vector<fs::path>> list_segments() const;
    Status scan(const fs::path& path, bool newest);
    Status open_segment(const fs::path& path, bool create);
    Status cut_tail(Segment& segment, std::uint64_t size);

    const fs::path folder_;
    mutable std::shared_mutex mutex_;  // writer: append; readers: read, height
    std::vector<Segment> segments_;
    std::vector<Place> places_;        // of block i + 1
};

Result<std::vector<fs::path>> FileBlockStore::list_segments() const {
    std::vector<fs::path> paths;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error))
        if (entry.path().extension() == ".seg") paths.push_back(entry.path());
    if (error) return fail("io_error", "cannot list " + folder_.string() + ": " + error.message());
    std::sort(paths.begin(), paths.end());
    return paths;
}

Status FileBlockStore::load() {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) return fail("io_error", "cannot make " + folder_.string() + ": " + error.message());
    FS_ASSIGN(const auto paths, list_segments());
    for (std::size_t i = 0; i < paths.size(); ++i) {
        if (paths[i] != segment_path(folder_, places_.size() + 1))
            return fail(damaged(paths[i], 0, fmt::format("the segment with block {} is missing", places_.size() + 1)));
        FS_TRY(scan(paths[i], /*newest=*/i + 1 == paths.size()));
    }
    return {};
}

Status FileBlockStore::open_segment(const fs::path& path, bool create) {
    base::FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0640));
    if (!file) return fail("io_error", fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)));
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return fail("io_error", fmt::format("cannot read {}", path.string()));
    if (create) FS_TRY(base::sync_folder(folder_));
    segments_.push_back({.path = path, .file = std::move(file), .bytes = static_cast<std::uint64_t>(info.st_size)});
    return {};
}

Status FileBlockStore::cut_tail(Segment& segment, std::uint64_t size) {
    if (::ftruncate(segment.file.get(), static_cast<off_t>(size)) != 0 || ::fsync(segment.file.get()) != 0)
        return fail("io_error", fmt::format("cannot cut {}: {}", segment.path.string(), std::strerror(errno)));
    segment.bytes = size;
    return {};
}

/// Walks a segment's records. Only what follows the last whole record of the newest segment, with no further record in
/// it, is a torn tail.
Status FileBlockStore::scan(const fs::path& path, bool newest) {
    FS_TRY(open_segment(path, /*create=*/false));
    auto& segment = segments_.back();
    const auto number = static_cast<std::uint32_t>(segments_.size() - 1);
    std::uint64_t at = 0;
    const auto torn_or_damaged = [&](const std::string& what) -> Status {
        if (!newest) return fail(damaged(path, at, what));
        FS_ASSIGN(const auto rest, base::read_exact(segment.file.get(), segment.bytes - at, at));
        Bytes mark;
        base::append_u32(mark, kMark);
        const bool more = rest.size() > 4 && std::search(rest.begin() + 4, rest.end(), mark.begin(), mark.end()) != rest.end();
        if (more) return fail(damaged(path, at, what + ", and records follow it"));
        return cut_tail(segment, at);
    };
    while (at < segment.bytes) {
        if (segment.bytes - at < kHeaderBytes) return torn_or_damaged("half a record header");
        FS_ASSIGN(const auto header, base::read_exact(segment.file.get(), kHeaderBytes, at));
        const ByteView view(header);
        const auto length = base::read_u32(view.subspan(4));
        const auto height = base::read_u64(view.subspan(8));
        if (base::read_u32(view) != kMark || length > kMaxBlockBytes) return torn_or_damaged("not a record");
        if (segment.bytes - at - kHeaderBytes < length) return torn_or_damaged("half a record");
        FS_ASSIGN(const auto payload, base::read_exact(segment.file.get(), length, at + kHeaderBytes));
        if (checksum(height, payload) != base::read_u32(view.subspan(16))) return torn_or_damaged("the checksum is wrong");
        if (height != places_.size() + 1)
            return fail(damaged(path, at, fmt::format("block {} where {} belongs", height, places_.size() + 1)));
        places_.push_back({.segment = number, .length = length, .offset = at + kHeaderBytes});
        at += kHeaderBytes + length;
    }
    return {};
}

Status FileBlockStore::append(std::uint64_t height, const proto::DecidedBlock& block) {
    const auto payload = proto::encode(block);
    if (payload.size() > kMaxBlockBytes) return fail("too_large", fmt::format("block {} has {} bytes", height, payload.size()));
    const auto record = encode_record(height, payload);
    std::unique_lock lock(mutex_);
    FS_ASSERT(height == places_.size() + 1);
    if (segments_.empty() || segments_.back().bytes + record.size() > kSegmentBytes)
        FS_TRY(open_segment(segment_path(folder_, height), /*create=*/true));
    auto& segment = segments_.back();
    const auto at = segment.bytes;
    auto written = base::write_all(segment.file.get(), record, at);
    if (written && ::fdatasync(segment.file.get()) != 0)
        written = fail("io_error", fmt::format("cannot sync {}: {}", segment.path.string(), std::strerror(errno)));
    if (!written) {
        FS_TRY(cut_tail(segment, at));  // half a record must not stand before the next one
        return written;
    }
    segment.bytes += record.size();
    places_.push_back({.segment = static_cast<std::uint32_t>(segments_.size() - 1),
                       .length = static_cast<std::uint32_t>(payload.size()),
                       .offset = at + kHeaderBytes});
    return {};
}

Result<proto::DecidedBlock> FileBlockStore::read(std::uint64_t height) const {
    std::shared_lock lock(mutex_);
    if (height == 0 || height > places_.size())
        return fail("not_found", fmt::format("no block {}; the newest is {}", height, places_.size()));
    const auto& place = places_[height - 1];
    const auto& segment = segments_[place.segment];
    FS_ASSIGN(const auto payload, base::read_exact(segment.file.get(), place.length, place.offset));
    auto block = proto::decode<proto::DecidedBlock>(payload);
    if (!block) return fail(damaged(segment.path, place.offset, "the block does not parse"));
    return block;
}

}  // namespace

Result<std::unique_ptr<BlockStore>> BlockStore::open(const fs::path& folder) {
    auto store = std::make_unique<FileBlockStore>(folder);
    FS_TRY(store->load());
    return store;
}

identity::crypto::Hash block_hash(const proto::Block& block) {
    return identity::crypto::sha256(as_bytes(block.header()));
}

}  // namespace fairstream::ledger::blocks
