#include "marketplace_dapp/api/rate_limit.hpp"

#include <algorithm>

namespace fairstream::marketplace_dapp::api {

namespace {

constexpr std::size_t kMaxPeers = 10'000;
constexpr double kBurstSeconds = 2;

double seconds(std::chrono::microseconds span) {
    return std::chrono::duration<double>(span).count();
}

}  // namespace

bool RateLimit::admit(const std::string& peer, std::chrono::microseconds now) {
    const auto full = std::max(1.0, per_second_ * kBurstSeconds);
    if (buckets_.size() >= kMaxPeers) {
        std::erase_if(buckets_, [&](const auto& entry) { return seconds(now - entry.second.at) >= kBurstSeconds; });
        if (buckets_.size() >= kMaxPeers && !buckets_.contains(peer)) return false;
    }
    auto& bucket = buckets_.try_emplace(peer, Bucket{.tokens = full, .at = now}).first->second;
    bucket.tokens = std::min(full, bucket.tokens + seconds(now - bucket.at) * per_second_);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
}

}  // namespace fairstream::marketplace_dapp::api
