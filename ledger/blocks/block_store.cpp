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
#include "base/file.hpp"
#include "base/log.hpp"
#include "ledger/blocks/segment.hpp"
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

/// First heights of the segments in `folder`, in order. Errors: damaged (a file of another name), io_error.
Result<std::vector<std::uint64_t>> list_segments(const fs::path& folder) {
    std::vector<std::uint64_t> out;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::uint64_t first = 0;
        for (const char c : name.substr(0, 20))
            if (c >= '0' && c <= '9') first = first * 10 + static_cast<std::uint64_t>(c - '0');
        if (name != segment_name(first))
            return fail("damaged", entry->path().string() + ": not a block segment's name");
        out.push_back(first);
    }
    if (error) return fail("io_error", "cannot list " + folder.string() + ": " + error.message());
    std::sort(out.begin(), out.end());
    return out;
}

/// Index and files under one lock for readers; the writer alone changes them.
class SegmentStore final : public BlockStore {
public:
    explicit SegmentStore(fs::path folder) : folder_(std::move(folder)) {}

    Status load() {
        FS_ASSIGN(const auto segments, list_segments(folder_));
        for (std::size_t i = 0; i < segments.size(); ++i) {
            const bool newest = i + 1 == segments.size();
            FS_TRY(load_segment(segments[i], newest));
        }
        return {};
    }

    std::uint64_t height() const override {
        const std::shared_lock lock(mutex_);
        return index_.size();
    }

    Status append(std::uint64_t height, const proto::DecidedBlock& block) override {
        FS_ASSERT(height == index_.size() + 1);
        if (failed_) return fail("io_error", "the block store failed before; restart to read back what is on the disk");
        const auto payload = proto::encode(block);
        if (payload.size() > kMaxRecordBytes)
            return fail("too_large", "block " + std::to_string(height) + " has more than 50331648 bytes");
        const auto bytes = encode_record(height, payload);
        if (!writer_ || (end_ > 0 && end_ + bytes.size() > kSegmentBytes)) FS_TRY(start_segment(height));
        FS_TRY(write(bytes));
        const std::unique_lock lock(mutex_);
        index_.push_back({segments_.size() - 1, Record{height, end_, static_cast<std::uint32_t>(payload.size())}});
        end_ += bytes.size();
        return {};
    }

    Result<proto::DecidedBlock> read(std::uint64_t height) const override {
        Place place;
        fs::path file;
        {
            const std::shared_lock lock(mutex_);
            if (height == 0 || height > index_.size())
                return fail("not_found", "block " + std::to_string(height) + " is not here; the newest is " +
                                             std::to_string(index_.size()));
            place = index_[height - 1];
            file = folder_ / segment_name(segments_[place.segment]);
        }
        FS_ASSIGN(const auto fd, open_file(file, O_RDONLY));
        FS_ASSIGN(const auto payload, read_record(file, fd.get(), place.record));
        auto block = proto::decode<proto::DecidedBlock>(payload);
        if (!block) return fail("damaged", file.string() + ": block " + std::to_string(height) + " does not parse");
        return block;
    }

private:
    struct Place {
        std::size_t segment = 0;
        Record record;
    };

    Status load_segment(std::uint64_t first, bool newest) {
        const fs::path file = folder_ / segment_name(first);
        if (first != index_.size() + 1)
            return fail("damaged", file.string() + ": begins with block " + std::to_string(first) + ", but " +
                                       std::to_string(index_.size() + 1) + " should follow");
        FS_ASSIGN(auto fd, open_file(file, newest ? O_RDWR : O_RDONLY));
        segments_.push_back(first);
        FS_ASSIGN(const auto scan, scan_segment(file, fd.get(), first, newest, [&](const Record& record) {
                      index_.push_back({segments_.size() - 1, record});
                  }));
        if (!newest) return {};
        if (scan.torn) {
            base::log_warn("{}: cutting an unfinished append at offset {}", file.string(), scan.end);
            if (::ftruncate(fd.get(), static_cast<off_t>(scan.end)) != 0) return io_error("truncate", file);
            if (::fdatasync(fd.get()) != 0) return io_error("sync", file);
        }
        writer_ = std::move(fd);
        end_ = scan.end;
        return {};
    }

    Status start_segment(std::uint64_t first) {
        const fs::path file = folder_ / segment_name(first);
        FS_ASSIGN(auto fd, open_file(file, O_RDWR | O_CREAT | O_EXCL));
        const std::unique_lock lock(mutex_);
        writer_ = std::move(fd);
        end_ = 0;
        segments_.push_back(first);
        // Once the segment exists a later append goes on in it, so a folder that does not sync fails the store.
        auto synced = base::sync_folder(folder_);
        failed_ = !synced;
        return synced;
    }

    /// At the end of the newest segment, durably. What a full disk cut off is taken back, so the next append may
    /// succeed; after a failed sync nobody knows what is on the disk (dirty pages count as clean), so the store takes
    /// no more.
    Status write(ByteView bytes) {
        if (auto written = base::write_all(writer_.get(), bytes, end_); !written) {
            failed_ = ::ftruncate(writer_.get(), static_cast<off_t>(end_)) != 0;
            return written;
        }
        if (::fdatasync(writer_.get()) == 0) return {};
        failed_ = true;
        return io_error("sync", folder_ / segment_name(segments_.back()));
    }

    const fs::path folder_;
    mutable std::shared_mutex mutex_;
    std::vector<Place> index_;             // block h at h - 1
    std::vector<std::uint64_t> segments_;  // first heights
    base::FileDescriptor writer_;          // the newest segment
    std::uint64_t end_ = 0;                // of what is durable in it
    bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<BlockStore>> BlockStore::open(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail("io_error", "cannot make " + folder.string() + ": " + error.message());
    auto store = std::make_unique<SegmentStore>(folder);
    FS_TRY(store->load());
    return store;
}

identity::crypto::Hash block_hash(const proto::Block& block) {
    return identity::crypto::sha256(as_bytes(block.header()));
}

}  // namespace fairstream::ledger::blocks
