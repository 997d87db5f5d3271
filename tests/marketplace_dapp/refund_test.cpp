#include <catch2/catch.hpp>
#include <set>

#include "marketplace_dapp/api/idempotency.hpp"
#include "marketplace_dapp/events/refund_plan.hpp"
#include "marketplace_dapp/events/refunder.hpp"
#include "tests/marketplace_dapp/stub_market.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using marketplace_dapp::api::IdempotencyKeys;
using marketplace_dapp::events::Refunder;
using marketplace_dapp::events::RefundPlan;

namespace {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kFuture = UINT64_C(4'000'000'000) * kSecond;

/// A ledger that notes what was sent to it.
struct Sent {
    std::mutex mutex;
    std::vector<std::string> purchases;

    std::size_t count() {
        const std::lock_guard lock(mutex);
        return purchases.size();
    }
};

}  // namespace

TEST_CASE("each DApp leaves the others a while, failures wait longer and longer, and end") {
    const RefundPlan::Limits limits{.spread = 10s, .first_pause = 4s, .max_attempts = 3};
    RefundPlan plan("did:key:a", limits);
    std::vector<RefundPlan::Overdue> overdue;
    for (int i = 0; i < 100; ++i) overdue.push_back({.purchase = purchase_id(i), .since_us = 1'000 * kSecond});
    const auto at_once = plan.next(overdue, 1'000 * kSecond).size();
    const auto halfway = plan.next(overdue, 1'005 * kSecond).size();
    CHECK(at_once < 5);
    CHECK(halfway > 30);
    CHECK(halfway < 70);
    CHECK(plan.next(overdue, 1'010 * kSecond).size() == 100);
    RefundPlan other("did:key:b", limits);
    CHECK(other.next(overdue, 1'005 * kSecond) != plan.next(overdue, 1'005 * kSecond));

    const std::vector<RefundPlan::Overdue> one{{.purchase = purchase_id(1), .since_us = 0}};
    const auto due = [&](std::uint64_t second) { return !plan.next(one, second * kSecond).empty(); };
    CHECK(due(20));
    CHECK(plan.failed(purchase_id(1), 20 * kSecond));
    CHECK_FALSE(due(24));
    CHECK(due(25));
    CHECK(plan.failed(purchase_id(1), 25 * kSecond));
    CHECK_FALSE(due(33));
    CHECK(due(34));
    CHECK_FALSE(plan.failed(purchase_id(1), 34 * kSecond));
    CHECK_FALSE(due(1'000'000));
    CHECK(plan.tried() == 1);
    CHECK(plan.next({}, 40 * kSecond).empty());
    CHECK(plan.tried() == 0);
}

TEST_CASE("what is overdue is refunded: undelivered after the last deadline, without keys after the first") {
    StubMarket market;
    const std::uint64_t past = kSecond;
    market.add({deal(1, 1), buy({.id = purchase_id(1), .release_us = past, .refund_us = kFuture}),  // no keys
                buy({.id = purchase_id(2), .release_us = past, .refund_us = kFuture}),              // keys came
                release(purchase_id(2), 1),
                buy({.id = purchase_id(3), .release_us = past, .refund_us = past}),  // not delivered
                release(purchase_id(3), 1),
                buy({.id = purchase_id(4), .release_us = past, .refund_us = past}),  // settled
                pay(purchase_id(4), 100, 5, true),
                buy({.id = purchase_id(5), .release_us = past, .refund_us = past}),  // refunded before
                refund(purchase_id(5), 100),
                buy({.id = purchase_id(6), .by_time = true, .release_us = past, .refund_us = kFuture}),
                buy({.id = purchase_id(7), .release_us = past, .refund_us = past}),  // the ledger refuses
                buy({.id = purchase_id(8), .release_us = kFuture, .refund_us = kFuture})});
    Sent sent;
    const Refunder refunder(
        market.postgres.connection(),
        {.did = "did:key:dapp", .plan = {.spread = 0us, .first_pause = 1us, .max_attempts = 3}, .every = 1ms},
        [&](const std::string& purchase) -> Status {
            {
                const std::lock_guard lock(sent.mutex);
                sent.purchases.push_back(purchase);
            }
            if (purchase == purchase_id(7)) return fail("too_early", "said the ledger");
            market.chain.add({refund(purchase, 100)});
            return {};
        },
        market.metrics);
    REQUIRE(eventually([&] { return market.chain.sealed_height() >= 3 && sent.count() >= 5; }));
    market.settle();
    market.add({});
    const std::lock_guard lock(sent.mutex);
    CHECK(std::set(sent.purchases.begin(), sent.purchases.end()) ==
          std::set{purchase_id(1), purchase_id(3), purchase_id(7)});
    CHECK(std::ranges::count(sent.purchases, purchase_id(7)) == 3);
}

TEST_CASE("an idempotency key stays with its transaction, also over a restart and a rebuild, until it expires") {
    PrivatePostgres postgres;
    base::Metrics metrics;
    StubChain chain;
    const auto engine = [&](bool rebuild) {
        return std::make_unique<marketplace_dapp::events::EventEngine>(
            chain, postgres.connection(),
            marketplace_dapp::events::EventEngine::Options{.network = "test", .rebuild = rebuild}, metrics);
    };
    auto running = engine(false);
    REQUIRE(eventually([&] { return running->state().started; }));
    const auto hold = [&](const std::string& creator, const std::string& key, const std::string& transaction,
                          std::uint64_t now_us) {
        const auto held = IdempotencyKeys(postgres.connection()).hold(creator, key, transaction, now_us);
        return held ? "" : held.error().code;
    };
    const std::uint64_t day = 86'400 * kSecond;
    CHECK(hold("did:key:a", "k", "t1", day).empty());
    CHECK(hold("did:key:a", "k", "t1", day + 1).empty());
    CHECK(hold("did:key:a", "k", "t2", day + 2) == "idempotency_key_reused");
    CHECK(hold("did:key:b", "k", "t2", day + 3).empty());
    running.reset();
    postgres.kill();
    CHECK(hold("did:key:a", "k", "t1", day + 4) == "database_unavailable");
    postgres.start();
    chain.resume();
    running = engine(true);
    REQUIRE(eventually([&] { return running->state().started; }));
    CHECK(hold("did:key:a", "k", "t2", day + 5) == "idempotency_key_reused");
    CHECK(hold("did:key:a", "k", "t2", 2 * day + 1).empty());
    CHECK(hold("did:key:a", "k", "t1", 2 * day + 2) == "idempotency_key_reused");
    for (const auto& bad : {std::string(), std::string(256, 'k'), std::string("a\nb"), std::string("\xff")})
        CHECK(hold("did:key:a", bad, "t", day) == "bad_idempotency_key");
}
