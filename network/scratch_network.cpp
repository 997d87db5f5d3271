#include "network/scratch_network.hpp"

#include <cstdlib>
#include <utility>

#include "network/supervisor.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;

Result<ScratchNetwork> ScratchNetwork::make(const fs::path& dir) {
    if (!dir.empty()) return ScratchNetwork(fs::absolute(dir), /*temporary=*/false);
    std::string pattern = (fs::temp_directory_path() / "fairstream-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
        return fail("io_error", "cannot make a folder in " + fs::temp_directory_path().string());
    return ScratchNetwork(pattern, /*temporary=*/true);
}

ScratchNetwork::ScratchNetwork(ScratchNetwork&& other) noexcept
    : dir_(std::exchange(other.dir_, {})), temporary_(std::exchange(other.temporary_, false)) {}

ScratchNetwork::~ScratchNetwork() {
    if (dir_.empty()) return;
    static_cast<void>(down(dir_));  // not running after a failed start: fine
    std::error_code ignored;
    if (temporary_) fs::remove_all(dir_, ignored);
}

}  // namespace fairstream::network
