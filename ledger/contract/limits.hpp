#pragma once

#include <cstddef>
#include <cstdint>

/// Bounds of what one transaction may carry. The simulation refuses what exceeds them, and the validator calls it
/// malformed, so that an endorser that lies cannot make another node work or store without end.
namespace fairstream::ledger::contract {

constexpr std::size_t kMaxKeyBytes = 256;                            // as a contract names it
constexpr std::size_t kMaxFullKeyBytes = 64 + 1 + 9 + kMaxKeyBytes;  // "<contract>/", "~private/"
constexpr std::size_t kMaxValueBytes = 1u << 20;
constexpr std::size_t kMaxReads = 4096;
constexpr std::size_t kMaxRanges = 256;
constexpr std::size_t kMaxWrites = 2048;
constexpr std::size_t kMaxDeltas = 256;
constexpr std::size_t kMaxEvents = 256;
constexpr std::size_t kMaxEventBytes = 64u << 10;
constexpr std::size_t kMaxPrivateWrites = 64;
constexpr std::size_t kMaxResponseBytes = 1u << 20;
constexpr std::uint32_t kMaxRangeLimit = 1000;  // as a contract asks; what it removed itself may come on top
constexpr std::size_t kMaxCallDepth = 8;
constexpr std::size_t kMaxNameBytes = 64;  // of contracts, functions, events, channels

constexpr std::size_t kMaxArgumentsBytes = 512u << 10;
constexpr std::size_t kMaxPrivateBytes = 512u << 10;
constexpr std::size_t kMaxProposalBytes = kMaxArgumentsBytes + (16u << 10);
constexpr std::uint64_t kMaxTimeUs = 253'402'300'799'999'999;  // the end of the year 9999

}  // namespace fairstream::ledger::contract
