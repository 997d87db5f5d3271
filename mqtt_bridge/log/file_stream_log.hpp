#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "base/file.hpp"
#include "mqtt_bridge/log/index.hpp"

namespace fairstream::mqtt_bridge::log {

/// The stream log in segment files of one folder, `segment-00000001.log` and on: every stream of this operator goes to
/// the end of the newest segment, one fdatasync per `append`. The index is rebuilt from the files at open.
class FileStreamLog : public StreamLog {
public:
    struct Limits {
        std::size_t segment_bytes = 64u << 20;  // a segment is closed when it has grown beyond
        std::size_t max_record_bytes = 4u << 20;
    };

    /// Cuts a torn tail off the newest segment; other damage is named (file and byte) and the log does not open.
    /// Errors: io_error, damaged, in_use (another process has it open).
    static Result<std::unique_ptr<FileStreamLog>> open(const std::filesystem::path& folder, Limits limits);
    static Result<std::unique_ptr<FileStreamLog>> open(const std::filesystem::path& folder) {
        return open(folder, Limits());
    }

    Result<std::vector<Outcome>> append(std::span<const Record> records) override;
    Result<std::vector<Record>> read(const StreamHash& stream, std::uint64_t from,
                                     std::size_t max_bytes) const override;
    Position mark(const StreamHash& stream) const override;
    std::vector<std::pair<StreamHash, Position>> marks() const override;
    Status remove(const StreamHash& stream, std::uint64_t through) override;

private:
    FileStreamLog(std::filesystem::path folder, Limits limits);
    Status load();
    Status load_removed();
    Status load_segment(std::uint32_t number, bool newest);
    Status start_segment();
    /// What will become of each record, given what the ones before it in the batch will have done.
    std::vector<Outcome> judge(std::span<const Record> records) const;
    Status write_batch(std::span<const Record* const> records);
    std::filesystem::path segment_path(std::uint32_t number) const;

    const std::filesystem::path folder_;
    const Limits limits_;
    base::FileDescriptor lock_;
    std::mutex writing_;               // one append or removal at a time
    mutable std::shared_mutex mutex_;  // guards index_ between that one and the readers
    Index index_;
    std::vector<std::uint32_t> segments_;  // ascending; the last one grows
    base::FileDescriptor newest_;
    std::uint64_t newest_bytes_ = 0;
    bool failed_ = false;
};

}  // namespace fairstream::mqtt_bridge::log
