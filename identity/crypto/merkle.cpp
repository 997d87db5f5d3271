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

// RFC 9162, section 2.1.3.2.
bool merkle_verify(const Hash& leaf, std::uint64_t index, std::uint64_t count, std::span<const Hash> path,
                   const Hash& root) {
    if (index >= count) return false;
    std::uint64_t position = index;
    std::uint64_t last = count - 1;
    Hash hash = leaf;
    for (const Hash& sibling : path) {
        if (last == 0) return false;
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
    return last == 0 && hash == root;
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
