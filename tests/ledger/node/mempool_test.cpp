#include <catch2/catch.hpp>

#include "base/busy.hpp"
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
const auto kCreator = id(200);

}  // namespace

TEST_CASE("a transaction waits once, however often it arrives") {
    Mempool mempool({.max_count = 10, .max_bytes = 100'000, .block_transactions = 5, .block_bytes = 50'000});
    CHECK(mempool.add(id(1), kCreator, kTransaction, 0s).value());
    CHECK_FALSE(mempool.add(id(1), kCreator, kTransaction, 1s).value());
    CHECK(mempool.count() == 1);
    CHECK(mempool.waiting() == ledger::order::Waiting{.any = true, .full_block = false});
    const auto committed = id(1);
    mempool.remove({&committed, 1});
    CHECK(mempool.waiting() == ledger::order::Waiting{});
}

TEST_CASE("a full mempool says so instead of growing") {
    Mempool by_count({.max_count = 2, .max_bytes = 100'000, .block_transactions = 5, .block_bytes = 50'000});
    REQUIRE(by_count.add(id(1), kCreator, kTransaction, 0s));
    REQUIRE(by_count.add(id(2), kCreator, kTransaction, 0s));
    CHECK(by_count.add(id(3), kCreator, kTransaction, 0s).error().code == "busy");
    Mempool by_bytes({.max_count = 100, .max_bytes = 1500, .block_transactions = 5, .block_bytes = 50'000});
    REQUIRE(by_bytes.add(id(1), kCreator, kTransaction, 0s));
    CHECK(by_bytes.add(id(2), kCreator, kTransaction, 0s).error().code == "busy");
}

TEST_CASE("a block takes the oldest transactions that fit, and they wait until they are committed") {
    Mempool mempool({.max_count = 100, .max_bytes = 100'000, .block_transactions = 3, .block_bytes = 50'000});
    for (std::uint8_t n = 0; n < 5; ++n) REQUIRE(mempool.add(id(n), kCreator, Bytes(10, n), 0s));
    CHECK(mempool.waiting().full_block);
    CHECK(mempool.next_block() == std::vector<Bytes>{Bytes(10, 0), Bytes(10, 1), Bytes(10, 2)});
    CHECK(mempool.count() == 5);
    Mempool small({.max_count = 100, .max_bytes = 100'000, .block_transactions = 100, .block_bytes = 4096});
    for (std::uint8_t n = 0; n < 5; ++n) REQUIRE(small.add(id(n), kCreator, kTransaction, 0s));
    CHECK(small.next_block().size() == 3);
}

TEST_CASE("a creator fills its share and no more, and is told when to come back") {
    Mempool mempool({.max_count = 100,
                     .max_bytes = 100'000,
                     .block_transactions = 10,
                     .block_bytes = 50'000,
                     .creator_count = 3,
                     .creator_bytes = 2500});
    for (std::uint8_t n = 0; n < 3; ++n) REQUIRE(mempool.add(id(n), id(201), Bytes(10, n), 0s));
    const auto refused = mempool.add(id(3), id(201), Bytes(10, 3), 0s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "busy");
    CHECK(base::retry_after(refused.error()) == 250ms);
    REQUIRE(mempool.add(id(10), id(202), kTransaction, 0s));
    REQUIRE(mempool.add(id(11), id(202), kTransaction, 0s));
    CHECK(mempool.add(id(12), id(202), kTransaction, 0s).error().code == "busy");  // 3000 bytes
    const auto committed = id(0);
    mempool.remove({&committed, 1});
    CHECK(mempool.add(id(3), id(201), Bytes(10, 3), 0s));
}

TEST_CASE("a block takes from the creators by turns: who waits with one is not behind who waits with a thousand") {
    Mempool mempool({.max_count = 2000, .max_bytes = 100'000, .block_transactions = 4, .block_bytes = 50'000});
    for (std::uint8_t n = 0; n < 100; ++n) REQUIRE(mempool.add(id(n), id(201), Bytes(1, n), 0s));
    REQUIRE(mempool.add(id(110), id(202), Bytes(1, 110), 1s));
    REQUIRE(mempool.add(id(120), id(203), Bytes(1, 120), 2s));
    CHECK(mempool.next_block() == std::vector<Bytes>{Bytes(1, 0), Bytes(1, 110), Bytes(1, 120), Bytes(1, 1)});

    SECTION("and who was served last comes last") {
        const std::vector ids{id(0), id(110), id(120), id(1)};
        mempool.remove(ids);
        REQUIRE(mempool.add(id(121), id(203), Bytes(1, 121), 3s));
        REQUIRE(mempool.add(id(2), id(202), Bytes(1, 122), 3s).value() == false);  // waits already, as another's
        const auto next = mempool.next_block();
        REQUIRE(next.size() == 4);
        CHECK((next[0] == Bytes(1, 121) || next[1] == Bytes(1, 121)));
    }
}

TEST_CASE("what waits for long can be handed on again") {
    Mempool mempool({.max_count = 100, .max_bytes = 100'000, .block_transactions = 10, .block_bytes = 50'000});
    for (std::uint8_t n = 0; n < 5; ++n) REQUIRE(mempool.add(id(n), kCreator, Bytes(1, n), std::chrono::seconds(n)));
    CHECK(mempool.waiting_since(3s, 10) == std::vector<Bytes>{Bytes(1, 0), Bytes(1, 1), Bytes(1, 2)});
    CHECK(mempool.waiting_since(3s, 1) == std::vector<Bytes>{Bytes(1, 0)});
    CHECK(mempool.waiting_since(0s, 10).empty());
}

TEST_CASE("what has waited for more than 60 s is dropped") {
    Mempool mempool({.max_count = 10, .max_bytes = 100'000, .block_transactions = 5, .block_bytes = 50'000});
    REQUIRE(mempool.add(id(1), kCreator, kTransaction, 0s));
    REQUIRE(mempool.add(id(2), kCreator, kTransaction, 30s));
    mempool.expire(60s);
    CHECK(mempool.count() == 2);
    mempool.expire(61s);
    CHECK(mempool.count() == 1);
    CHECK(mempool.contains(id(2)));
}

TEST_CASE("a change of the channel config empties the mempool and moves what a full block is") {
    Mempool mempool({.max_count = 10, .max_bytes = 100'000, .block_transactions = 5, .block_bytes = 50'000});
    REQUIRE(mempool.add(id(1), kCreator, kTransaction, 0s));
    REQUIRE(mempool.add(id(2), id(201), kTransaction, 0s));
    CHECK(mempool.clear() == std::vector{id(1), id(2)});
    CHECK(mempool.waiting() == ledger::order::Waiting{});
    CHECK(mempool.clear().empty());
    mempool.set_block_limits(2, 50'000);
    REQUIRE(mempool.add(id(1), kCreator, kTransaction, 0s));  // endorsed anew, it may come back
    CHECK_FALSE(mempool.waiting().full_block);
    REQUIRE(mempool.add(id(2), kCreator, kTransaction, 0s));
    CHECK(mempool.waiting().full_block);
    CHECK(mempool.next_block().size() == 2);
}
