#pragma once

#include <fcntl.h>

#include <filesystem>

#include "base/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests {

/// An empty folder in memory, the same one each time: no input depends on the one before it.
inline std::filesystem::path emptied_folder() {
    static const auto folder = TemporaryFolder::in_memory();
    const auto out = folder / "files";
    std::filesystem::remove_all(out);
    std::filesystem::create_directories(out);
    return out;
}

/// Without syncing: many thousands of times a second.
inline void put(const std::filesystem::path& file, ByteView contents) {
    const base::FileDescriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!base::write_all(out.get(), contents, 0)) __builtin_trap();
}

}  // namespace fairstream::tests
