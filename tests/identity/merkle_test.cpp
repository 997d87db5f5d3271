#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "identity/crypto/merkle.hpp"

using namespace fairstream;
using namespace fairstream::identity::crypto;
using base::from_hex;
using base::to_hex;

namespace {

/// The eight leaves of Certificate Transparency's own test vectors (RFC 6962's reference implementation).
std::vector<Hash> reference_leaves() {
    std::vector<Hash> leaves;
    for (const char* hex :
         {"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"})
        leaves.push_back(merkle_leaf(*from_hex(hex)));
    return leaves;
}

std::vector<Hash> numbered_leaves(std::size_t count) {
    std::vector<Hash> leaves;
    for (std::size_t i = 0; i < count; ++i) {
        Bytes data;
        base::append_u64(data, i);
        leaves.push_back(merkle_leaf(data));
    }
    return leaves;
}

}  // namespace

TEST_CASE("Merkle roots are Certificate Transparency's, for every size from 1 to 8") {
    const char* roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                           "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                           "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                           "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                           "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                           "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                           "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                           "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    const auto leaves = reference_leaves();
    for (std::size_t n = 1; n <= leaves.size(); ++n)
        CHECK(to_hex(merkle_root(std::span(leaves).first(n))) == roots[n - 1]);
    CHECK(merkle_root({}) == sha256({}));
}

TEST_CASE("every leaf's path verifies, and no other leaf, place, size or root does") {
    const std::size_t n = GENERATE(1u, 2u, 3u, 5u, 7u, 8u, 9u, 16u, 33u);
    const auto leaves = numbered_leaves(n);
    const Hash root = merkle_root(leaves);
    for (std::size_t i = 0; i < n; ++i) {
        const auto path = merkle_path(leaves, i);
        CHECK(merkle_verify(leaves[i], i, n, path, root));
        CHECK_FALSE(merkle_verify(merkle_leaf(as_bytes("other")), i, n, path, root));
        CHECK_FALSE(merkle_verify(leaves[i], n, n, path, root));
        CHECK_FALSE(merkle_verify(leaves[i], i, 0, path, root));
        CHECK_FALSE(merkle_verify(leaves[i], i, n, path, sha256(as_bytes("other root"))));
        for (std::size_t j = 0; j < n; ++j)
            if (j != i) CHECK_FALSE(merkle_verify(leaves[i], j, n, path, root));
        auto longer = path;
        longer.push_back(root);
        CHECK_FALSE(merkle_verify(leaves[i], i, n, longer, root));
        if (!path.empty()) {
            CHECK_FALSE(merkle_verify(leaves[i], i, n, std::span(path).first(path.size() - 1), root));
            auto changed = path;
            changed[0][0] = static_cast<std::uint8_t>(changed[0][0] ^ 1);
            CHECK_FALSE(merkle_verify(leaves[i], i, n, changed, root));
        }
    }
}

TEST_CASE("an inner node is never taken for a leaf") {
    const auto leaves = numbered_leaves(4);
    Bytes node = to_bytes(ByteView(leaves[0]));
    append(node, leaves[1]);
    CHECK(merkle_leaf(node) != merkle_root(std::span(leaves).first(2)));
}

TEST_CASE("the accumulator gives the root of the leaves so far, for any number of them") {
    CHECK(rc::check([] {
        const auto count = *rc::gen::inRange<std::size_t>(0, 600);
        const auto leaves = numbered_leaves(count);
        MerkleAccumulator accumulator;
        for (const Hash& leaf : leaves) accumulator.add(leaf);
        RC_ASSERT(accumulator.count() == count);
        if (count == 0) {
            RC_ASSERT(accumulator.root() == sha256({}));
            return;
        }
        const auto index = *rc::gen::inRange<std::size_t>(0, count);
        RC_ASSERT(merkle_verify(leaves[index], index, count, merkle_path(leaves, index), accumulator.root()));
    }));
}
