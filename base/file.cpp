#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace fairstream::base {

namespace {

/// Names what failed and why, as the system says it ("No space left on device").
tl::unexpected<Error> io_error(std::string_view doing, std::string_view what) {
    const int number = errno;
    return fail("io_error",
                std::string(doing) + " " + std::string(what) + ": " + std::system_category().message(number));
}

/// The file's path as the kernel knows it now. Leaves errno as it is.
std::string descriptor_name(int fd) {
    const int cause = errno;
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
    errno = cause;
    return error ? "file descriptor " + std::to_string(fd) : path.string();
}

/// A name beside `path` that no other thread or process uses.
std::string temporary_name(const std::filesystem::path& path) {
    static std::atomic<unsigned> counter{0};
    return path.string() + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter++);
}

Status write_and_sync(int fd, ByteView contents, unsigned mode, const std::string& name) {
    if (::fchmod(fd, static_cast<mode_t>(mode)) != 0) return io_error("cannot set the mode of", name);
    FS_TRY(write_all(fd, contents, /*offset=*/0));
    if (::fsync(fd) != 0) return io_error("cannot sync", name);
    return {};
}

}  // namespace

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR) return fail("not_found", "no such file: " + path.string());
        return io_error("cannot open", path.string());
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return io_error("cannot stat", path.string());
    if (!S_ISREG(status.st_mode)) return fail("io_error", "not a regular file: " + path.string());

    // The size may be unknown (/proc) or change meanwhile: what counts is what is read.
    Bytes contents;
    std::size_t expected = static_cast<std::size_t>(status.st_size);
    while (true) {
        const std::size_t have = contents.size();
        if (have > max_bytes || expected > max_bytes)
            return fail("too_large", path.string() + " is larger than " + std::to_string(max_bytes) + " bytes");
        contents.resize(std::max(expected, have) + 4096);
        const ssize_t got = ::read(file.get(), contents.data() + have, contents.size() - have);
        if (got < 0 && errno != EINTR) return io_error("cannot read", path.string());
        contents.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got == 0) return contents;
        expected = 0;
    }
}

Status write_file(const std::filesystem::path& path, ByteView contents, unsigned mode) {
    const std::string temporary = temporary_name(path);
    // Created for the owner only, so that a secret is never readable by others, not even before its mode is set.
    const FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return io_error("cannot create", temporary);
    Status written = write_and_sync(file.get(), contents, mode, temporary);
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = io_error("cannot replace", path.string());
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    return sync_folder(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

Status sync_folder(const std::filesystem::path& folder) {
    const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return io_error("cannot open folder", folder.string());
    if (::fsync(fd.get()) != 0) return io_error("cannot sync folder", folder.string());
    return {};
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = other.release();
    }
    return *this;
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
}

int FileDescriptor::release() {
    return std::exchange(fd_, -1);
}

Status write_all(int fd, ByteView data, std::uint64_t offset) {
    while (!data.empty()) {
        const ssize_t wrote = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (wrote < 0) {
            if (errno == EINTR) continue;
            return io_error("cannot write to", descriptor_name(fd));
        }
        data = data.subspan(static_cast<std::size_t>(wrote));
        offset += static_cast<std::uint64_t>(wrote);
    }
    return {};
}

Result<Bytes> read_exact(int fd, std::size_t size, std::uint64_t offset) {
    Bytes data(size);
    std::size_t have = 0;
    while (have < size) {
        const ssize_t got = ::pread(fd, data.data() + have, size - have, static_cast<off_t>(offset + have));
        if (got < 0) {
            if (errno == EINTR) continue;
            return io_error("cannot read from", descriptor_name(fd));
        }
        if (got == 0)
            return fail("short_read", "the file ends " + std::to_string(size - have) + " bytes early at offset " +
                                          std::to_string(offset + have));
        have += static_cast<std::size_t>(got);
    }
    return data;
}

}  // namespace fairstream::base
