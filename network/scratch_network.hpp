#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace fairstream::network {

/// A folder for a network that is wanted for a while: whatever runs in it is stopped when this goes, and the folder is
/// removed then if it was made here. Starting the network is the caller's (`up`).
class ScratchNetwork {
public:
    /// Uses and keeps `dir`, or makes a folder of its own if that is empty. Error: io_error.
    static Result<ScratchNetwork> make(const std::filesystem::path& dir);
    ScratchNetwork(ScratchNetwork&& other) noexcept;
    ScratchNetwork& operator=(ScratchNetwork&&) = delete;
    ~ScratchNetwork();

    const std::filesystem::path& dir() const { return dir_; }

private:
    ScratchNetwork(std::filesystem::path dir, bool temporary) : dir_(std::move(dir)), temporary_(temporary) {}
    std::filesystem::path dir_;  // empty: moved from
    bool temporary_;
};

}  // namespace fairstream::network
