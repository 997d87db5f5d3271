#include "security_manager/custodian/state_file.hpp"

#include "base/config.hpp"
#include "base/file.hpp"

namespace fairstream::security_manager::custodian {

namespace {
constexpr std::size_t kMaxPending = 100'000;
}

Result<FollowedState> FollowedState::load(const std::filesystem::path& file) {
    auto config = base::Config::load(file);
    if (!config && config.error().code == "not_found") return FollowedState{};
    if (!config) return fail("bad_state", config.error().message);
    FollowedState state;
    state.height = config->integer("height", 0, INT64_MAX);
    for (auto& purchase : config->texts("pending", kMaxPending)) state.pending.insert(std::move(purchase));
    if (auto read = config->finish(); !read) return fail("bad_state", read.error().message);
    return state;
}

Status FollowedState::save(const std::filesystem::path& file) const {
    std::string text =
        "# How far this custodian has followed the chain. Made by the node; safe to remove: it then starts over.\n";
    text += "height: " + std::to_string(height) + "\npending: [";
    for (const auto& purchase : pending) text += (text.ends_with('[') ? "\"" : ", \"") + purchase + "\"";
    return base::write_file(file, as_bytes(text + "]\n"));
}

}  // namespace fairstream::security_manager::custodian
