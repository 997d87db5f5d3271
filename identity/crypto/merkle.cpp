#include "identity/crypto/merkle.hpp"

#include <bit>

#include "base/assert.hpp"

namespace fairstream::identity::crypto {

namespace {

constexpr std::uint8_t kLeafPrefix[] = {0x00};
constexpr std::uint8_t kNodePrefix[] = {0x01};

}  // namespace

Hash merkle_leaf(ByteView data) {
    return sha256_of({kLeafPrefix, data});
}

Hash merkle_node(const Hash& left, const Hash& right) {
    return sha256_of({kNodePrefix, left, right});
}

Hash merkle_root(std::span<const Hash> leaves) {
    MerkleAccumulator accumulator;
    for (const Hash& leaf : leaves) accumulator.add(leaf);
    return accumulator.root();
}

std::vector<Hash> merkle_path(std::span<const Hash> leaves, std::uint64_t index) {
    FS_ASSERT(index < leaves.size());
    std::vector<Hash> farthest_first;
    while (leaves.size() > 1) {
        const std::size_t split = std::bit_floor(leaves.size() - 1);  // the largest power of two below the size
        const auto left = leaves.first(split);
        const auto right = leaves.subspan(split);
        if (index < split) {
            farthest_first.push_back(merkle_root(right));
            leaves = left;
        } else {
            farthest_first.push_back(merkle_root(left));
            leaves = right;
            index -= split;
        }
    }
    return {farthest_first.rbegin(), farthest_first.rend()};
}

namespace {

/// Adds to each path what lies beside it within `leaves`; their root.
Hash add_siblings(std::span<const Hash> leaves, std::span<std::vector<Hash>> paths) {
    if (leaves.size() == 1) return leaves.front();
    const std::size_t split = std::bit_floor(leaves.size() - 1);
    const Hash left = add_siblings(leaves.first(split), paths.first(split));
    const Hash right = add_siblings(leaves.subspan(split), paths.subspan(split));
    for (auto& path : paths.first(split)) path.push_back(right);
    for (auto& path : paths.subspan(split)) path.push_back(left);
    return merkle_node(left, right);
}

}  // namespace

std::vector<std::vector<Hash>> merkle_paths(std::span<const Hash> leaves) {
    std::vector<std::vector<Hash>> paths(leaves.size());
    if (!leaves.empty()) add_siblings(leaves, paths);
    return paths;
}

// RFC 9162, section 2.1.3.2.
std::optional<Hash> merkle_root_from(const Hash& leaf, std::uint64_t index, std::uint64_t count,
                                     std::span<const Hash> path) {
    if (index >= count) return std::nullopt;
    std::uint64_t position = index;
    std::uint64_t last = count - 1;
    Hash hash = leaf;
    for (const Hash& sibling : path) {
        if (last == 0) return std::nullopt;
        if ((position & 1) != 0 || position == last) {
            hash = merkle_node(sibling, hash);
            while ((position & 1) == 0 && position != 0) {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = merkle_node(hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    return last == 0 ? std::optional(hash) : std::nullopt;
}

bool merkle_verify(const Hash& leaf, std::uint64_t index, std::uint64_t count, std::span<const Hash> path,
                   const Hash& root) {
    return merkle_root_from(leaf, index, count, path) == root;
}

void MerkleAccumulator::add(const Hash& leaf) {
    // One complete subtree per set bit of the count: adding a leaf carries like adding one.
    Hash hash = leaf;
    for (std::uint64_t carry = count_; (carry & 1) != 0; carry >>= 1) {
        hash = merkle_node(peaks_.back(), hash);
        peaks_.pop_back();
    }
    peaks_.push_back(hash);
    ++count_;
}

Hash MerkleAccumulator::root() const {
    if (peaks_.empty()) return sha256({});
    Hash hash = peaks_.back();
    for (std::size_t i = peaks_.size() - 1; i-- > 0;) hash = merkle_node(peaks_[i], hash);
    return hash;
}

}  // namespace fairstream::identity::crypto
