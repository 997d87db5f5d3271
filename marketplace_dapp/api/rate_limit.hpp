#pragma once

#include <chrono>
#include <map>
#include <string>

namespace fairstream::marketplace_dapp::api {

/// A bucket of tokens for each peer: `per_second` flow in, up to twice as many (at least one); each request takes one.
/// Time arrives as an argument. One thread.
class RateLimit {
public:
    explicit RateLimit(double per_second) : per_second_(per_second) {}

    /// False if `peer` has to wait a second.
    bool admit(const std::string& peer, std::chrono::microseconds now);

private:
    struct Bucket {
        double tokens;
        std::chrono::microseconds at;
    };
    const double per_second_;
    std::map<std::string, Bucket> buckets_;
};

}  // namespace fairstream::marketplace_dapp::api
