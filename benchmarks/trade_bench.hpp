#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/result.hpp"
#include "benchmarks/measured.hpp"

namespace fairstream::benchmarks {

struct TradeOptions {
    std::vector<std::uint32_t> operators{3};                                  // a network for each
    std::vector<std::uint32_t> sellers{1, 8};                                 // at once, each with a buyer
    std::vector<std::uint64_t> bytes{1'000, 100'000, 1'000'000, 10'000'000};  // of a file
    std::uint32_t rounds = 3;                                                 // of each combination
};

/// Whole trades: every seller uploads a file as a batch, all at once; then every buyer buys and fetches one. Each phase
/// as the SDK tells them apart; beside them, in the same run, a plain Mosquitto that carries the same bytes to one
/// subscriber over TLS at QoS 1, in messages of a frame's size, encrypting, storing and proving nothing.
Result<Measured> measure_trade(const TradeOptions& options, const Progress& progress);

}  // namespace fairstream::benchmarks
