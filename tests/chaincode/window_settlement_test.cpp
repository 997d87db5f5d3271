#include <catch2/catch.hpp>

#include <random>

#include "chaincode/marketplace/window_settlement.hpp"
#include "chaincode/rules/amounts.hpp"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/trust.pb.h"
#include "tests/chaincode/live_market.hpp"

namespace fairstream::chaincode::tests {

using namespace std::chrono_literals;
using marketplace::carried;
using marketplace::Carried;

namespace {

constexpr std::uint64_t kSecond = 1'000'000;

schema::Window window_of(std::uint64_t from, std::uint64_t until) {
    schema::Window window;
    window.set_from_us(from);
    window.set_until_us(until);
    return window;
}

schema::Batch batch_of(std::uint64_t from, std::uint64_t until, std::uint64_t recorded, std::uint64_t entries) {
    schema::Batch batch;
    batch.set_first_sequence(1);
    batch.set_last_sequence(entries);
    batch.set_from_us(from);
    batch.set_until_us(until);
    batch.set_recorded_at_us(recorded);
    return batch;
}

/// A buyer of one window of 60 s for 6 credits, from the opening of key epoch 1 on.
struct Reading {
    LiveMarket market;
    Who buyer = market.client_with(100 * kCredit);
    schema::Purchase purchase;

    Reading() {
        market.open(1);
        purchase = market.buy_time(buyer, 1).value();
    }
    const std::string& a() const { return market.drawn[0]; }
    const std::string& b() const { return market.drawn[1]; }
    std::string deliver(std::uint64_t counter, const Market::Served& served) {
        return code_of(market.deliver(market.receipt(buyer, purchase, counter, served)));
    }
    schema::Purchase now() { return market.purchase(purchase.id()).value(); }
    std::int64_t earned_by(const std::string& operator_name) {
        return market.balance(market.operators.at(operator_name).did);
    }
};

}  // namespace

TEST_CASE("a batch carries the price of its time in the window") {
    const auto window = window_of(100 * kSecond, 160 * kSecond);
    const auto price = 6 * kCredit;
    const auto inside = carried(window, price, batch_of(110 * kSecond, 120 * kSecond, 121 * kSecond, 50));
    CHECK(inside.price_micro == kCredit);
    CHECK(inside.entries == 50);
    CHECK(inside.whole);
    // The ledger does not see frames' times: at an edge the entries count by the part of the batch's time.
    const auto first = carried(window, price, batch_of(90 * kSecond, 120 * kSecond, 121 * kSecond, 50));
    CHECK(first.price_micro == 2 * kCredit);
    CHECK(first.entries == 33);
    CHECK_FALSE(first.whole);
    const auto last = carried(window, price, batch_of(150 * kSecond, 180 * kSecond, 181 * kSecond, 50));
    CHECK(last.price_micro == kCredit);
    CHECK(last.entries == 16);
    CHECK_FALSE(last.whole);
    // Frames may have been written until the record.
    CHECK_FALSE(carried(window, price, batch_of(150 * kSecond, 160 * kSecond, 161 * kSecond, 50)).whole);
    CHECK(carried(window, price, batch_of(150 * kSecond, 1'000 * kSecond, 1'000 * kSecond, 1)).entries == 1);
    CHECK(carried(window, price, batch_of(0, 100 * kSecond, 101 * kSecond, 50)).entries == 0);
    CHECK(carried(window, price, batch_of(160 * kSecond, 190 * kSecond, 191 * kSecond, 50)).entries == 0);
}

TEST_CASE("batches side by side carry exactly the price of the time that they cover, whatever the numbers") {
    std::mt19937_64 random(20'261'121);
    const auto pick = [&](std::uint64_t low, std::uint64_t high) {
        return std::uniform_int_distribution<std::uint64_t>(low, high)(random);
    };
    for (int round = 0; round < 500; ++round) {
        const auto from = pick(1, 1'000'000);
        const auto until = from + pick(1, round % 2 == 0 ? 100 : 40ull * 365 * 24 * 3600 * kSecond);
        const auto window = window_of(from, until);
        const auto price = static_cast<std::int64_t>(pick(1, static_cast<std::uint64_t>(rules::kMaxPrice)));
        std::int64_t sum = 0;
        for (auto at = from > 50 ? from - pick(0, 50) : from; at < until;) {
            const auto next = at + pick(1, (until - from) / 3 + 1);
            const auto part = carried(window, price, batch_of(at, next, next, pick(1, rules::kMaxBatchEntries)));
            REQUIRE((part.entries >= 1) == (next > from));
            REQUIRE(part.price_micro >= 0);
            sum += part.price_micro;
            at = next;
        }
        CHECK(sum == price);
    }
}

TEST_CASE("a window that a seller fills is paid batch by batch, and settled at its end") {
    Reading reading;
    auto& market = reading.market;
    std::uint64_t counter = 0;
    for (std::uint32_t epoch = 2; epoch <= 3; ++epoch) {
        market.chain.advance(20s);
        market.open(epoch);
        market.chain.advance(1s);
        market.record_epoch(epoch - 1, 10);
    }
    // One third of the time is on record at the edge of the beginning (the purchase came a moment after the opening).
    CHECK(reading.deliver(++counter, {{reading.a(), {{1, 25}}}}) == "ok");  // 21 to 25: not recorded yet
    auto now = reading.now();
    CHECK(now.state() == schema::DELIVERING);
    CHECK(now.delivered_entries() == 20);
    CHECK(now.paid_micro() == Approx(4 * kCredit).margin(500'000));
    CHECK(reading.earned_by(reading.a()) > 0);
    const auto paid = now.paid_micro();
    // The same receipt pays nothing again, until the next batch is recorded.
    CHECK(reading.deliver(counter, {{reading.a(), {{1, 25}}}}) == "nothing_new");
    market.chain.advance(30s);
    market.record_epoch(3, 10);  // over the end of the window
    CHECK(reading.deliver(counter, {{reading.a(), {{1, 25}}}}) == "ok");
    now = reading.now();
    CHECK(now.paid_micro() > paid);
    CHECK(now.state() == schema::SETTLED);  // the time is over, and no batch that lies wholly in it is wanting
    CHECK(now.returned_micro() == 0);       // all of the time is covered
    CHECK(now.paid_micro() < LiveMarket::kPrice);
    CHECK(code_of(market.refund(reading.buyer, reading.purchase.id())) == "too_early");
    // What is left is for the entries at the edge, should they still be signed for.
    CHECK(reading.deliver(++counter, {{reading.a(), {{1, 26}}}}) == "ok");
    CHECK(reading.now().state() == schema::SETTLED);
    CHECK(reading.now().paid_micro() == LiveMarket::kPrice);
    CHECK(market.balance(reading.buyer.did) == 100 * kCredit - LiveMarket::kPrice);
    CHECK(reading.deliver(++counter, {{reading.a(), {{1, 30}}}}) == "already_settled");
    market.chain.advance(base::from_us(reading.purchase.deadlines().refund_us()) - market.chain.now() + 1s);
    CHECK(code_of(market.refund(reading.buyer, reading.purchase.id())) == "already_settled");
}

TEST_CASE("a buyer that settles in haste takes nothing back of what it signed for") {
    Reading reading;
    auto& market = reading.market;
    market.chain.advance(20s);
    market.open(2);
    market.chain.advance(1s);
    market.record_epoch(1, 10);
    const auto signed_for = market.receipt(reading.buyer, reading.purchase, 2, {{reading.a(), {{1, 20}}}});
    market.chain.advance(45s);
    market.record_epoch(2, 10);  // over the end of the window
    CHECK(reading.deliver(UINT64_MAX, {{reading.b(), {{10, 10}}}}) == "ok");
    CHECK(reading.now().state() == schema::SETTLED);  // no batch lies wholly in it
    const auto hasty = reading.now().paid_micro();
    CHECK(code_of(market.deliver(signed_for)) == "ok");
    CHECK(reading.now().paid_micro() > hasty + 5 * kCredit);
    CHECK(reading.now().state() == schema::SETTLED);
    CHECK(reading.now().paid_micro() + reading.now().returned_micro() == LiveMarket::kPrice);
}

TEST_CASE("what nobody signed for at the edges of a settled purchase returns after the refund deadline") {
    Reading reading;
    auto& market = reading.market;
    market.chain.advance(20s);
    market.open(2);
    market.chain.advance(1s);
    market.record_epoch(1, 10);
    market.chain.advance(45s);
    market.record_epoch(2, 10);
    CHECK(reading.deliver(1, {{reading.a(), {{1, 5}}}}) == "ok");
    REQUIRE(reading.now().state() == schema::SETTLED);
    const auto paid = reading.now().paid_micro();
    market.chain.advance(base::from_us(reading.purchase.deadlines().refund_us()) - market.chain.now() + 1s);
    CHECK(reading.deliver(2, {{reading.a(), {{1, 10}}}}) == "too_late");
    const auto refunded = market.refund(new_actor(), reading.purchase.id()).value();
    CHECK(refunded.state() == schema::SETTLED);
    CHECK(refunded.returned_micro() == LiveMarket::kPrice - paid);
    CHECK(market.balance(reading.buyer.did) == 100 * kCredit - paid);
    CHECK(market.chain.events().back().name() == "PurchasePaid");
    CHECK(code_of(market.refund(reading.buyer, reading.purchase.id())) == "already_settled");
}

TEST_CASE("what was not delivered of a batch that lies wholly in the window keeps the purchase open until the refund") {
    Reading reading;
    auto& market = reading.market;
    market.chain.advance(20s);
    market.open(2);
    market.chain.advance(1s);
    market.record_epoch(1, 10);
    market.chain.advance(20s);
    market.record_epoch(2, 10);
    market.chain.advance(30s);
    CHECK(reading.deliver(1, {{reading.a(), {{1, 10}}}, {reading.b(), {{11, 19}}}}) == "ok");
    CHECK(reading.now().state() == schema::DELIVERING);
    CHECK(code_of(market.refund(reading.buyer, reading.purchase.id())) == "too_early");
    CHECK(reading.deliver(2, {{reading.a(), {{1, 10}}}, {reading.b(), {{11, 20}}}}) == "ok");
    CHECK(reading.now().state() == schema::SETTLED);
    // Time that no batch covers is the buyer's.
    CHECK(reading.now().returned_micro() > 0);
}

TEST_CASE("an open key epoch keeps the purchase open, and a later one does not") {
    Reading reading;
    auto& market = reading.market;
    market.chain.advance(10s);
    market.record_epoch(1, 10);
    market.open(2);
    market.chain.advance(60s);
    market.open(3);  // after the window
    CHECK(reading.deliver(1, {{reading.a(), {{1, 10}}}}) == "ok");
    CHECK(reading.now().state() == schema::DELIVERING);
    market.chain.advance(1s);
    market.record_epoch(2, 10);
    CHECK(reading.deliver(1, {{reading.a(), {{1, 10}}}}) == "ok");  // nothing to pay, but it can be settled now
    CHECK(reading.now().state() == schema::SETTLED);
    CHECK(reading.deliver(2, {{reading.a(), {{1, 11}}}}) == "ok");  // signed for after all
    CHECK(reading.now().state() == schema::SETTLED);
}

TEST_CASE("a purchase that no one delivers returns after its deadline, by anyone, and not twice") {
    Reading reading;
    auto& market = reading.market;
    const auto refund_opens = base::from_us(reading.purchase.deadlines().refund_us());
    CHECK(code_of(market.refund(market.seller, reading.purchase.id())) == "too_early");
    market.chain.advance(refund_opens - market.chain.now() + 1s);
    const auto refunded = market.refund(market.seller, reading.purchase.id()).value();
    CHECK(refunded.state() == schema::REFUNDED);
    CHECK(refunded.returned_micro() == LiveMarket::kPrice);
    CHECK(market.balance(reading.buyer.did) == 100 * kCredit);
    CHECK(code_of(market.refund(market.seller, reading.purchase.id())) == "already_refunded");
    CHECK_FALSE(market.grant(reading.purchase.grant()).value().active());
}

TEST_CASE("receipts for time: cumulative, of drawn operators, and too late after the refund opens") {
    Reading reading;
    auto& market = reading.market;
    CHECK(reading.deliver(1, {{reading.a(), {{1, 5}}}}) == "nothing_new");  // no batch yet
    market.chain.advance(20s);
    market.record_epoch(1, 10);
    CHECK(reading.deliver(5, {{reading.a(), {{1, 5}}}}) == "ok");
    CHECK(reading.deliver(4, {{reading.a(), {{1, 4}}}}) == "nothing_new");
    CHECK(reading.deliver(6, {{reading.b(), {{1, 5}}}}) == "nothing_new");
    CHECK(reading.deliver(6, {{reading.a(), {{1, 5}}}, {reading.b(), {{5, 6}}}}) == "bad_receipt");
    CHECK(reading.deliver(6, {{reading.a(), {{1, 5}}}, {reading.b(), {{6, 8}}}}) == "ok");
    CHECK(reading.earned_by(reading.b()) > 0);
    market.chain.advance(base::from_us(reading.purchase.deadlines().refund_us()) - market.chain.now());
    CHECK(reading.deliver(7, {{reading.a(), {{1, 5}}}, {reading.b(), {{6, 10}}}}) == "too_late");
}

TEST_CASE("entries beyond what is due at an edge earn nothing") {
    Reading reading;  // bought a moment after the opening
    auto& market = reading.market;
    market.chain.advance(100s);  // 60 of about 100 seconds are bought
    const auto batch = market.record_epoch(1, 100);
    const auto due = carried(reading.purchase.window(), LiveMarket::kPrice, batch);
    CHECK(due.entries < 62);
    CHECK(reading.deliver(1, {{reading.a(), {{1, due.entries - 1}}}}) == "ok");
    CHECK(reading.now().state() == schema::SETTLED);  // no batch lies wholly in the window
    CHECK(reading.now().paid_micro() < LiveMarket::kPrice);

    Reading all;
    all.market.chain.advance(30s);
    all.market.open(2);
    all.market.chain.advance(31s);
    all.market.record_epoch(1, 10);
    all.market.record_epoch(2, 20);
    const auto edge = all.market.purchase(all.purchase.id()).value();
    CHECK(all.deliver(1, {{all.a(), {{1, 15}}}, {all.b(), {{16, 30}}}}) == "ok");
    CHECK(all.now().paid_micro() == LiveMarket::kPrice);
    CHECK(all.now().returned_micro() == 0);
    CHECK(all.now().delivered_entries() == 30);
    CHECK(edge.paid_micro() == 0);
}

TEST_CASE("a settled purchase of time is rated by both sides, and what it came to is the part that was paid for") {
    Reading reading;
    auto& market = reading.market;
    const auto rate = [&](const Who& rater, const std::string& ratee) {
        schema::RateRequest request;
        request.set_purchase(reading.purchase.id());
        request.set_ratee(ratee);
        request.set_commitment(std::string(32, 'c'));
        return market.chain.submit<schema::RatingReply>(rater, schema::names::contract::kTrust,
                                                        schema::names::trust::kRate, request);
    };
    CHECK(code_of(rate(reading.buyer, market.seller.did)) == "not_settled");
    market.chain.advance(30s);  // half of the time is covered
    market.record_epoch(1, 10);
    market.chain.advance(31s);
    REQUIRE(reading.deliver(1, {{reading.a(), {{1, 10}}}}) == "ok");
    REQUIRE(reading.now().state() == schema::SETTLED);
    const auto outcome = static_cast<std::uint32_t>(reading.now().paid_micro() * 1'000'000 / LiveMarket::kPrice);
    CHECK(outcome > 400'000);
    CHECK(outcome < 600'000);
    CHECK(rate(reading.buyer, market.seller.did).value().rating().outcome() == outcome);
    CHECK(rate(market.seller, reading.buyer.did).value().rating().outcome() == outcome);
    CHECK(code_of(rate(reading.buyer, market.operators.at(reading.a()).did)) == "ok");
    CHECK(code_of(rate(new_actor(), market.seller.did)) == "not_party");
}

TEST_CASE("a receipt over more batches than one transaction takes pays for the next ones when it comes again") {
    LiveMarket market;
    market.offer = market.create_stream_offer(LiveMarket::kPrice, 600, "city/long").value();
    market.begin_session();
    const auto buyer = market.client_with(100 * kCredit);
    market.open(1);
    const auto purchase = market.buy_time(buyer, 1).value();
    constexpr std::uint32_t kBatches = 70;
    for (std::uint32_t epoch = 1; epoch <= kBatches; ++epoch) {
        market.chain.advance(2s);
        market.open(epoch + 1);
        market.record_epoch(epoch, 2);
    }
    const auto receipt = market.receipt(buyer, purchase, 1, {{market.drawn[0], {{1, 2 * kBatches}}}});
    const auto first = market.deliver(receipt).value();
    CHECK(first.delivered_entries() == 128);
    CHECK(first.through() == 128);
    const auto second = market.deliver(receipt).value();
    CHECK(second.delivered_entries() == 140);
    CHECK(second.through() >= 140);
    CHECK(code_of(market.deliver(receipt)) == "nothing_new");
}

TEST_CASE("however time, batches and receipts fall, sums only grow, and nothing is made or lost") {
    std::mt19937_64 random(20'261'122);
    const auto pick = [&](std::uint64_t low, std::uint64_t high) {
        return std::uniform_int_distribution<std::uint64_t>(low, high)(random);
    };
    for (int round = 0; round < 6; ++round) {
        LiveMarket market;
        market.offer =
            market.create_stream_offer(static_cast<std::int64_t>(pick(1, 7'000'000)), 10, "city/any").value();
        market.begin_session();
        const auto buyer = market.client_with(100 * kCredit);
        market.open(1);
        market.chain.advance(std::chrono::milliseconds(pick(0, 6'000)));
        const auto windows = static_cast<std::uint32_t>(pick(1, 3));
        const auto purchase = market.buy_time(buyer, windows).value();
        const auto price = purchase.agreement().price_micro();

        std::vector<schema::Batch> batches;
        std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>> held;
        std::uint64_t counter = 0;
        std::uint64_t read = 0;
        std::int64_t paid = 0;
        for (std::uint32_t epoch = 1; epoch <= 5; ++epoch) {
            market.chain.advance(std::chrono::milliseconds(pick(1'500, 8'000)));
            if (pick(0, 3) > 0) market.open(epoch + 1);
            market.chain.advance(std::chrono::milliseconds(pick(1, 900)));
            batches.push_back(market.record_epoch(epoch, pick(1, 9)));
            market.chain.advance(1s);
            if (market.chain.now() < base::from_us(purchase.window().until_us()) + 20s &&
                code_of(market.windows(epoch + 1)) == "not_found")
                market.open(epoch + 1);
            const auto last = batches.back().last_sequence();
            const auto to = pick(read, last);
            for (auto at = read + 1; at <= to;) {  // in runs, by operators in any order
                const auto end = std::min(to, at + pick(0, 3));
                held[market.drawn[pick(0, 2)]].emplace_back(at, end);
                at = end + 1;
            }
            read = to;
            Market::Served served;
            for (const auto& [name, ranges] : held)
                if (!ranges.empty()) served.emplace_back(name, ranges);
            if (served.empty()) continue;
            (void)market.deliver(market.receipt(buyer, purchase, ++counter, served));
            const auto now = market.purchase(purchase.id()).value();
            CHECK(now.paid_micro() >= paid);
            CHECK(now.paid_micro() + now.returned_micro() <= price);
            paid = now.paid_micro();
            if (now.state() == schema::SETTLED) break;
        }
        // What an independent sum over the batches says of what is read.
        std::int64_t most = 0;
        for (const auto& batch : batches) most += carried(purchase.window(), price, batch).price_micro;
        CHECK(paid <= most);
        market.chain.advance(base::from_us(purchase.deadlines().refund_us()) - market.chain.now() + 1s);
        (void)market.refund(market.seller, purchase.id());
        const auto end = market.purchase(purchase.id()).value();
        CHECK(end.paid_micro() + end.returned_micro() == price);
        CHECK(market.balance(buyer.did) == 100 * kCredit - end.paid_micro());
        std::int64_t shares = market.balance("market") + market.balance(market.seller.did);
        for (const auto& [name, who] : market.operators) shares += market.balance(who.did);
        CHECK(shares == end.paid_micro());
    }
}

}  // namespace fairstream::chaincode::tests
