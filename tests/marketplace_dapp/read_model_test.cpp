#include <catch2/catch.hpp>

#include "marketplace_dapp/events/event_engine.hpp"
#include "tests/marketplace_dapp/private_postgres.hpp"
#include "tests/marketplace_dapp/read_contents.hpp"
#include "tests/marketplace_dapp/stub_trade.hpp"
#include "tests/support/eventually.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using marketplace_dapp::events::Database;
using marketplace_dapp::events::EventEngine;

namespace {

constexpr std::uint64_t kFarFutureUs = 4'000'000'000'000'000;

/// A small market's life.
void fill(StubChain& chain) {
    chain.add({trust_issuer("did:key:issuer", true)});
    chain.add({register_seller("did:key:seller", "did:key:issuer", kFarFutureUs), faucet(500, "did:key:buyer")});
    chain.add({list({.number = 1}), list({.number = 2, .title = "A 'quoted' title; DROP TABLE offers; --"})});
    chain.add({});
    auto refused = list({.number = 3});
    refused.code = "read_conflict";
    chain.add({refused, buy({.id = "p1"})});
    chain.add({deal(1, 1), release("p1", 1), pay("p1", 40, 1, false), score("did:key:seller", 1, 700'000, 5)});
    chain.add({pay("p1", 60, 2, true), open_key_epoch(1, 5), record_batch(1, 1, 9), buy({.id = "p2", .by_time = true}),
               release("p2", 2), refund("p2", 100)});
}

/// The read model of `fill`, under the network's name "test".
void read_in(const PrivatePostgres& postgres) {
    StubChain chain;
    fill(chain);
    base::Metrics metrics;
    EventEngine engine(chain, postgres.connection(), {.network = "test"}, metrics);
    REQUIRE(eventually([&] { return engine.state().height == 7; }));
}

}  // namespace

TEST_CASE("the read model holds what valid transactions did, and nothing of the others") {
    PrivatePostgres postgres;
    StubChain chain;
    fill(chain);
    base::Metrics metrics;
    EventEngine engine(chain, postgres.connection(), {.network = "test"}, metrics);
    REQUIRE(eventually([&] { return engine.state().height == 7; }));
    const auto ask = [&](const std::string& sql) { return read_one(postgres.connection(), sql); };
    CHECK(ask("SELECT count(*) FROM market.offers") == "2");
    CHECK(ask("SELECT title FROM market.offers WHERE id = '" + offer_id(2) + "'") ==
          "A 'quoted' title; DROP TABLE offers; --");
    CHECK(ask("SELECT code FROM market.transactions WHERE block = 5 AND position = 0") == "read_conflict");
    CHECK(ask("SELECT amount_micro FROM market.balances WHERE account = 'did:key:buyer'") == "400");
    CHECK(ask("SELECT sum(amount_micro) FROM market.balances") == "500");
    CHECK(
        ask("SELECT paid_micro || ' ' || delivered_entries || ' ' || settled FROM market.purchases WHERE id = 'p1'") ==
        "60 2 true");
}

TEST_CASE("a read model made again from the first block has the same content") {
    PrivatePostgres postgres;
    StubChain chain;
    base::Metrics metrics;
    {
        // Block by block, as they come.
        EventEngine engine(chain, postgres.connection(), {.network = "test"}, metrics);
        fill(chain);
        REQUIRE(eventually([&] { return engine.state().height == 7; }));
    }
    const auto before = read_contents(postgres.connection());
    REQUIRE(Database(postgres.connection()).transaction([](Database::Work& work) {
        work.run("UPDATE market.offers SET title = 'spoilt'");
    }));
    chain.resume();
    EventEngine engine(chain, postgres.connection(), {.network = "test", .rebuild = true}, metrics);
    REQUIRE(eventually([&] { return engine.state().started && engine.state().height == 7; }));
    CHECK(read_contents(postgres.connection()) == before);
}

TEST_CASE("when PostgreSQL is killed the engine waits, and catches up without loss or double") {
    PrivatePostgres postgres;
    StubChain chain;
    base::Metrics metrics;
    EventEngine engine(chain, postgres.connection(), {.network = "test"}, metrics);
    fill(chain);
    REQUIRE(eventually([&] { return engine.state().height == 7; }));
    postgres.kill();
    for (int i = 10; i < 30; ++i) chain.add({list({.number = i}), faucet(1, "did:key:buyer")});
    postgres.start();
    REQUIRE(eventually([&] { return engine.state().height == 27; }));
    const auto ask = [&](const std::string& sql) { return read_one(postgres.connection(), sql); };
    CHECK(ask("SELECT count(*) FROM market.offers") == "22");
    CHECK(ask("SELECT amount_micro FROM market.balances WHERE account = 'did:key:buyer'") == "420");
    CHECK(ask("SELECT height FROM market.checkpoint") == "27");
}

TEST_CASE("another network's read model is not gone on with") {
    PrivatePostgres postgres;
    read_in(postgres);
    StubChain other;
    other.add({list({.number = 9})});
    base::Metrics metrics;
    EventEngine engine(other, postgres.connection(), {.network = "other"}, metrics);
    REQUIRE(eventually([&] { return engine.state().started && engine.state().height == 1; }));
    CHECK(read_one(postgres.connection(), "SELECT string_agg(id, ',') FROM market.offers") == offer_id(9));
}

TEST_CASE("a chain that contradicts the read model halts it, loudly") {
    PrivatePostgres postgres;
    read_in(postgres);
    StubChain fork;
    for (int i = 0; i < 9; ++i) fork.add({list({.number = 100 + i})});
    base::Metrics metrics;
    EventEngine engine(fork, postgres.connection(), {.network = "test"}, metrics);
    REQUIRE(eventually([&] { return engine.state().halted.has_value(); }));
    CHECK(engine.state().halted->code == "broken_chain");
    CHECK(read_one(postgres.connection(), "SELECT count(*) FROM market.offers") == "2");
}
