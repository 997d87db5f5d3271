#include "chaincode/security_manager/draw.hpp"

#include <algorithm>
#include <utility>

namespace fairstream::chaincode::security_manager {

std::vector<std::string> draw(const identity::crypto::Hash& block_hash, std::string_view stream_id,
                              std::vector<std::string> candidates) {
    std::vector<std::pair<identity::crypto::Hash, std::string>> ranked;
    for (auto& name : candidates) {
        const auto score = identity::crypto::sha256(base::lp(ByteView(block_hash), stream_id, std::string_view(name)));
        ranked.emplace_back(score, std::move(name));
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> drawn;
    for (auto& [score, name] : ranked)
        if (drawn.size() < kReplicas) drawn.push_back(std::move(name));
    return drawn;
}

std::uint32_t storage_quorum(std::size_t drawn) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(2, drawn));
}

}  // namespace fairstream::chaincode::security_manager
