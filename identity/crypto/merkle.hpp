#pragma once

#include <cstdint>
#include <optional>
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
/// The audit paths of all leaves, in the time of one root.
std::vector<std::vector<Hash>> merkle_paths(std::span<const Hash> leaves);
/// The root that `path` proves `leaf` to be under, at `index` of `count`. Nothing if a path of that leaf has another
/// length.
std::optional<Hash> merkle_root_from(const Hash& leaf, std::uint64_t index, std::uint64_t count,
                                     std::span<const Hash> path);
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
