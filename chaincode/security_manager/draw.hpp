#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "identity/crypto/hash.hpp"

namespace fairstream::chaincode::security_manager {

constexpr std::size_t kReplicas = 3;  // R

/// Rendezvous hashing: the `kReplicas` candidates with the lowest SHA-256(lp(block hash, stream, name)), in that order;
/// all if they are fewer. When a candidate joins or leaves, every other one keeps its place.
std::vector<std::string> draw(const identity::crypto::Hash& block_hash, std::string_view stream_id,
                              std::vector<std::string> candidates);

/// How many of the drawn must sign that they stored: q = 2 of R = 3, all of fewer.
std::uint32_t storage_quorum(std::size_t drawn);

}  // namespace fairstream::chaincode::security_manager
