#pragma once

#include <cstdint>

/// Integer arithmetic of the market: micro-credits, and rates in millionths.
namespace fairstream::chaincode::rules {

__extension__ typedef unsigned __int128 Wide;

constexpr std::int64_t kOne = 1'000'000;                            // rate 1
constexpr std::int64_t kCredit = 1'000'000;                         // one credit in micro-credits
constexpr std::int64_t kMaxPrice = 1'000'000'000 * kCredit;         // of one purchase
constexpr std::uint64_t kMaxBatchEntries = std::uint64_t{1} << 40;  // so that price * rate * entries fits 128 bits
constexpr std::int64_t kMaxBalance = std::int64_t{1} << 60;

/// floor(amount * part / whole * rate / ONE). Preconditions: 0 <= amount <= kMaxPrice, part <= whole <=
/// kMaxBatchEntries, whole > 0, rate <= ONE.
inline std::int64_t share(std::int64_t amount, std::uint64_t part, std::uint64_t whole, std::uint32_t rate) {
    const Wide product = static_cast<Wide>(amount) * part * rate;
    return static_cast<std::int64_t>(product / (static_cast<Wide>(whole) * static_cast<Wide>(kOne)));
}

}  // namespace fairstream::chaincode::rules
