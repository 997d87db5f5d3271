#include "ledger/blocks/block_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <vector>

#include "base/assert.hpp"
#include "base/crash_point.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "ledger/blocks/segment.hpp"
#include "ledger/blocks/store_files.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::blocks {

namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> io_error(std::string_view doing, const fs::path& file) {
    return fail("io_error",
                "cannot " + std::string(doing) + " " + file.string() + ": " + std::system_category().message(errno));
}

Result<base::FileDescriptor> open_file(const fs::path& file, int flags) {
    base::FileDescriptor fd(::open(file.c_str(), flags | O_CLOEXEC, 0644));
    if (!fd) return io_error("open", file);
    return fd;
}

/// Files and index under one lock for readers; the writer alone changes them.
class SegmentStore final : public BlockStore {
public:
    SegmentStore(fs::path folder, std::uint64_t segment_bytes)
        : folder_(std::move(folder)), segment_bytes_(segment_bytes) {}

    Status load() {
        FS_ASSIGN(base_, read_base(folder_));
        height_ = base_.height;
        FS_ASSIGN(auto segments, list_segments(folder_));
        // A crash came between the marker and the removal.
        for (const auto first : segments)
            if (first <= base_.height) FS_TRY(remove_segment(first));
        std::erase_if(segments, [&](std::uint64_t first) { return first <= base_.height; });
        for (std::size_t i = 0; i < segments.size(); ++i) FS_TRY(load_segment(segments[i], i + 1 == segments.size()));
        return {};
    }

    std::uint64_t height() const override {
        const std::shared_lock lock(mutex_);
        return height_;
    }

    Base base() const override {
        const std::shared_lock lock(mutex_);
        return base_;
    }

    Status append(std::uint64_t height, const proto::DecidedBlock& block) override {
        FS_ASSERT(height == height_ + 1);
        if (failed_) return fail("io_error", "the block store failed before; restart to read back what is on the disk");
        const auto payload = proto::encode(block);
        if (payload.size() > kMaxRecordBytes)
            return fail("too_large", "block " + std::to_string(height) + " has more than 50331648 bytes");
        const auto bytes = encode_record(height, payload);
        if (!writer_ || (newest().index.end > 0 && newest().index.end + bytes.size() > segment_bytes_))
            FS_TRY(start_segment(height));
        FS_TRY(write(bytes));
        const std::unique_lock lock(mutex_);
        auto& index = newest().index;
        index.offsets.push_back(static_cast<std::uint32_t>(index.end));
        index.end += bytes.size();
        ++height_;
        return {};
    }

    Result<proto::DecidedBlock> read(std::uint64_t height) const override {
        Record record;
        fs::path file;
        base::FileDescriptor fd;
        {
            // Opened under the lock: a file that is pruned now stays readable until it is closed.
            const std::shared_lock lock(mutex_);
            if (height == 0 || height > height_)
                return fail("not_found", "block " + std::to_string(height) + " is not here; the newest is " +
                                             std::to_string(height_));
            if (height <= base_.height)
                return fail("pruned", "block " + std::to_string(height) + " is no longer kept here; the oldest is " +
                                          std::to_string(base_.height + 1));
            const auto& segment = *std::prev(std::ranges::upper_bound(segments_, height, {}, &Segment::first));
            const auto position = static_cast<std::size_t>(height - segment.first);
            const auto& offsets = segment.index.offsets;
            const auto end = position + 1 < offsets.size() ? offsets[position + 1] : segment.index.end;
            record = {.height = height,
                      .offset = offsets[position],
                      .length = static_cast<std::uint32_t>(end - offsets[position] - kRecordHeaderBytes)};
            file = folder_ / segment_name(segment.first);
            FS_ASSIGN(fd, open_file(file, O_RDONLY));
        }
        FS_ASSIGN(const auto payload, read_record(file, fd.get(), record));
        auto block = proto::decode<proto::DecidedBlock>(payload);
        if (!block) return fail("damaged", file.string() + ": block " + std::to_string(height) + " does not parse");
        return block;
    }

    Result<std::uint64_t> prune(std::uint64_t height) override {
        std::size_t gone = 0;
        while (gone + 1 < segments_.size() && segments_[gone + 1].first <= height) ++gone;
        if (gone == 0) return std::uint64_t{0};
        const auto oldest = segments_[gone].first;
        FS_ASSIGN(auto before, header_of(oldest - 1));
        const auto blocks = oldest - 1 - base_.height;
        FS_TRY(move_base({.height = oldest - 1, .header = std::move(before)}, gone));
        return blocks;
    }

    Status restart_after(Base base) override {
        FS_ASSERT(base.height >= height_);
        writer_ = {};
        const auto height = base.height;
        FS_TRY(move_base(std::move(base), segments_.size()));
        const std::unique_lock lock(mutex_);
        height_ = height;
        return {};
    }

private:
    struct Segment {
        std::uint64_t first = 0;
        Index index;
    };
    Segment& newest() { return segments_.back(); }

    Result<std::string> header_of(std::uint64_t height) const {
        FS_ASSIGN(const auto decided, read(height));
        FS_ASSIGN(auto block, proto::decode<proto::Block>(decided.block()));
        return std::move(*block.mutable_header());
    }

    /// The marker first, the files after it.
    Status move_base(Base base, std::size_t segments_gone) {
        base::crash_point("blocks.before_base");
        FS_TRY(write_base(folder_, base));
        std::vector<Segment> gone;
        {
            const std::unique_lock lock(mutex_);
            base_ = std::move(base);
            const auto end = segments_.begin() + static_cast<std::ptrdiff_t>(segments_gone);
            gone.assign(std::make_move_iterator(segments_.begin()), std::make_move_iterator(end));
            segments_.erase(segments_.begin(), end);
        }
        for (const auto& segment : gone) FS_TRY(remove_segment(segment.first));
        return {};
    }

    Status remove_segment(std::uint64_t first) const {
        base::crash_point("blocks.before_remove");
        for (const auto& name : {index_name(first), segment_name(first)})
            if (::unlink((folder_ / name).c_str()) != 0 && errno != ENOENT) return io_error("remove", folder_ / name);
        return {};
    }

    Status load_segment(std::uint64_t first, bool is_newest) {
        const fs::path file = folder_ / segment_name(first);
        if (first != height_ + 1)
            return fail("damaged", file.string() + ": begins with block " + std::to_string(first) + ", but " +
                                       std::to_string(height_ + 1) + " should follow");
        FS_ASSIGN(auto fd, open_file(file, is_newest ? O_RDWR : O_RDONLY));
        segments_.push_back({first, {}});
        auto& index = newest().index;
        if (!is_newest) {
            std::error_code error;
            if (auto known = read_index(folder_, first, fs::file_size(file, error)); known && !error) {
                index = std::move(*known);
                height_ += index.offsets.size();
                return {};
            }
        }
        FS_ASSIGN(const auto scan, scan_segment(file, fd.get(), first, is_newest, [&](const Record& record) {
                      index.offsets.push_back(static_cast<std::uint32_t>(record.offset));
                  }));
        index.end = scan.end;
        height_ += index.offsets.size();
        if (!is_newest) return write_index(folder_, first, index);
        if (scan.torn) {
            base::log_warn("{}: cutting an unfinished append at offset {}", file.string(), scan.end);
            base::crash_point("blocks.before_tail_cut");
            if (::ftruncate(fd.get(), static_cast<off_t>(scan.end)) != 0) return io_error("truncate", file);
            base::crash_point("blocks.after_tail_cut");
            if (::fdatasync(fd.get()) != 0) return io_error("sync", file);
        }
        writer_ = std::move(fd);
        return {};
    }

    Status start_segment(std::uint64_t first) {
        const fs::path file = folder_ / segment_name(first);
        base::crash_point("blocks.before_index");
        if (writer_) FS_TRY(write_index(folder_, newest().first, newest().index));
        base::crash_point("blocks.before_segment");
        FS_ASSIGN(auto fd, open_file(file, O_RDWR | O_CREAT | O_EXCL));
        base::crash_point("blocks.after_segment");
        const std::unique_lock lock(mutex_);
        writer_ = std::move(fd);
        segments_.push_back({first, {}});
        // Once the segment exists a later append goes on in it, so a folder that does not sync fails the store.
        auto synced = base::sync_folder(folder_);
        failed_ = !synced;
        return synced;
    }

    /// At the end of the newest segment, durably. What a full disk cut off is taken back, so the next append may
    /// succeed; after a failed sync nobody knows what is on the disk (dirty pages count as clean), so the store takes
    /// no more.
    Status write(ByteView bytes) {
        const auto end = newest().index.end;
        base::crash_point("blocks.before_write");
        if (auto written = base::write_all(writer_.get(), bytes, end); !written) {
            failed_ = ::ftruncate(writer_.get(), static_cast<off_t>(end)) != 0;
            return written;
        }
        base::crash_point("blocks.before_sync");
        if (::fdatasync(writer_.get()) == 0) return {};
        failed_ = true;
        return io_error("sync", folder_ / segment_name(newest().first));
    }

    const fs::path folder_;
    const std::uint64_t segment_bytes_;
    mutable std::shared_mutex mutex_;
    std::vector<Segment> segments_;  // oldest first
    Base base_;
    std::uint64_t height_ = 0;
    base::FileDescriptor writer_;  // the newest segment
    bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<BlockStore>> BlockStore::open(const fs::path& folder, std::uint64_t segment_bytes) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail("io_error", "cannot make " + folder.string() + ": " + error.message());
    auto store = std::make_unique<SegmentStore>(folder, segment_bytes);
    FS_TRY(store->load());
    return store;
}

identity::crypto::Hash block_hash(const proto::Block& block) {
    return identity::crypto::sha256(as_bytes(block.header()));
}

}  // namespace fairstream::ledger::blocks
