#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "identity/crypto/hash.hpp"

namespace fairstream::identity::crypto {

/// Merkle trees of RFC 6962, section 2.1: leaf = SHA-256(0x00 || data), node = SHA-256(0x01 || left || right), the root
/// of no leaves = SHA-256(""). Leaves are given as leaf hashes.
Hash merkle_leaf(ByteView data);
Hash merkle_node(const Hash& left, const Hash& right);
Hash merkle_root(std::span<const Hash> leaves);
/// Audit path of leaf `index`, nearest sibling first. Precondition: index < leaves.size().
std::vector<Hash> merkle_path(std::span<const Hash> leaves, std::uint64_t index);
bool merkle_verify(const Hash& leaf, std::uint64_t index, std::uint64_t count, std::span<const Hash> path,
                   const Hash& root);

/// The root of leaves that arrive one by one, in memory for log2(n) hashes.
class MerkleAccumulator {
public:
    void add(const Hash& leaf);
    std::uint64_t count() const { return count_; }
    Hash root() const;

private:
    std::uint64_t count_ = 0;
    std::vector<Hash> peaks_;  // complete subtrees, largest first
};

}  // namespace fairstream::identity::crypto
