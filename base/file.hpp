#pragma once

#include <filesystem>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace fairstream::base {

/// Reads a whole file of at most `max_bytes`. Errors: not_found, too_large, io_error.
Result<Bytes> read_file(const std::filesystem::path& path, std::size_t max_bytes = 64u << 20);

/// Replaces `path` atomically: temporary file beside it, fsync, rename, fsync of the folder. `mode` as in chmod.
Status write_file(const std::filesystem::path& path, ByteView contents, unsigned mode = 0644);

/// fsync of a folder, so that names created in it survive a power cut.
Status sync_folder(const std::filesystem::path& folder);

/// An open file descriptor, closed when it goes.
class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor();

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release();

private:
    int fd_ = -1;
};

/// Writes all of `data` at `offset`; retries short writes. Errors: io_error (disk full is named).
Status write_all(int fd, ByteView data, std::uint64_t offset);
/// Reads exactly `size` bytes at `offset`. Errors: io_error, short_read.
Result<Bytes> read_exact(int fd, std::size_t size, std::uint64_t offset);

}  // namespace fairstream::base
