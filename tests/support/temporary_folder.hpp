#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace fairstream::tests {

/// An empty folder of this test's own, removed with all it holds when it goes.
class TemporaryFolder {
public:
    TemporaryFolder() : TemporaryFolder(std::filesystem::temp_directory_path()) {}
    /// Where syncing costs nothing, if there is such a place: for runs that sync thousands of times.
    static TemporaryFolder in_memory() {
        const std::filesystem::path memory = "/dev/shm";
        return TemporaryFolder(::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    explicit TemporaryFolder(const std::filesystem::path& parent) {
        std::string name = (parent / "fairstream-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
        path_ = name;
    }

    std::filesystem::path path_;
};

}  // namespace fairstream::tests
