#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "base/result.hpp"

namespace fairstream::security_manager::custodian {

/// How far the chain has been followed, and which purchases up to there are still in work.
struct FollowedState {
    std::uint64_t height = 0;
    std::set<std::string> pending;  // purchase ids

    /// The start state where there is no file. Error: bad_state (damaged; says which file).
    static Result<FollowedState> load(const std::filesystem::path& file);
    Status save(const std::filesystem::path& file) const;
};

}  // namespace fairstream::security_manager::custodian
