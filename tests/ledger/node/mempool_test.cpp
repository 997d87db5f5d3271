#include <catch2/catch.hpp>

#include "identity/crypto/hash.hpp"
#include "ledger/node/mempool.hpp"

using namespace fairstream;
using namespace std::chrono_literals;
using ledger::node::Mempool;

namespace {

identity::crypto::Hash id(std::uint8_t n) {
    return identity::crypto::sha256(ByteView(&n, 1));
}
const Bytes kTransaction(1000, 7);

}  // namespace

TEST_CASE("a transaction waits once, however often it arrives") {
    Mempool mempool({.max_count = 10, .max_bytes = 100'000, .block_transactions = 5, .block_bytes = 50'000});
    CHECK(mempool.add(id(1), kTransaction, 0s).value());
    CHECK_FALSE(mempool.add(id(1), kTransaction, 1s).value());
    CHECK(mempool.count() == 1);
    CHECK(mempool.waiting() == ledger::order::Waiting{.any = true, .full_block = false});
    const auto committed = id(1);
    mempool.remove({&committed, 1});
    CHECK(mempool.waiting() == ledger::order::Waiting{});
}

TEST_CASE("a full mempool says so instead of growing") {
    Mempool by_count({.max_count = 2, .max_bytes = 100'000, .block_transactions = 5, .block_bytes = 50'000});
    REQUIRE(by_count.add(id(1), kTransaction, 0s));
    REQUIRE(by_count.add(id(2), kTransaction, 0s));
    CHECK(by_count.add(id(3), kTransaction, 0s).error().code == "busy");
    Mempool by_bytes({.max_count = 100, .max_bytes = 1500, .block_transactions = 5, .block_bytes = 50'000});
    REQUIRE(by_bytes.add(id(1), kTransaction, 0s));
    CHECK(by_bytes.add(id(2), kTransaction, 0s).error().code == "busy");
}

TEST_CASE("a block takes the oldest transactions that fit, and they wait until they are committed") {
    Mempool mempool({.max_count = 100, .max_bytes = 100'000, .block_transactions = 3, .block_bytes = 50'000});
    for (std::uint8_t n = 0; n < 5; ++n) REQUIRE(mempool.add(id(n), Bytes(10, n), 0s));
    CHECK(mempool.waiting().full_block);
    CHECK(mempool.next_block() == std::vector<Bytes>{Bytes(10, 0), Bytes(10, 1), Bytes(10, 2)});
    CHECK(mempool.count() == 5);
    Mempool small({.max_count = 100, .max_bytes = 100'000, .block_transactions = 100, .block_bytes = 4096});
    for (std::uint8_t n = 0; n < 5; ++n) REQUIRE(small.add(id(n), kTransaction, 0s));
    CHECK(small.next_block().size() == 3);
}

TEST_CASE("what has waited for more than 60 s is dropped") {
    Mempool mempool({.max_count = 10, .max_bytes = 100'000, .block_transactions = 5, .block_bytes = 50'000});
    REQUIRE(mempool.add(id(1), kTransaction, 0s));
    REQUIRE(mempool.add(id(2), kTransaction, 30s));
    mempool.expire(60s);
    CHECK(mempool.count() == 2);
    mempool.expire(61s);
    CHECK(mempool.count() == 1);
    CHECK(mempool.contains(id(2)));
}
