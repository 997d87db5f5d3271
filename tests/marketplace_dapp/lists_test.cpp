#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <set>

#include "tests/marketplace_dapp/stub_market.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using marketplace_dapp::api::Answer;
using marketplace_dapp::api::Reads;
namespace json = boost::json;

namespace {

using Query = Reads::Query;

/// Every page of a list, one after the other; no record comes twice.
std::vector<json::value> all_of(const std::function<Answer(const Query&)>& list, const char* name, Query query,
                                int limit) {
    std::vector<json::value> all;
    query["limit"] = std::to_string(limit);
    for (bool more = true; more;) {
        const auto page = list(query);
        INFO((page ? "" : page.error().message));
        REQUIRE(page);
        const auto& records = page->at(name).as_array();
        CHECK(records.size() <= static_cast<std::size_t>(limit));
        for (const auto& record : records) {
            CHECK(std::ranges::find(all, record) == all.end());
            all.push_back(record);
        }
        const auto* next = page->as_object().if_contains("next");
        more = next != nullptr;
        if (more) query["cursor"] = std::string(next->as_string());
    }
    return all;
}

}  // namespace

TEST_CASE("purchases are listed newest first, by who bought, who sold, what, and how they stand") {
    StubMarket market;
    market.chain.add({deal(1, 2)});
    for (int i = 0; i < 10; ++i)
        market.chain.add({buy({.id = purchase_id(2 * i), .buyer = i % 2 == 0 ? "did:key:ann" : "did:key:bob"}),
                          buy({.id = purchase_id(2 * i + 1), .offer = 2, .seller = "did:key:other"})});
    market.chain.add({release(purchase_id(0), 1), release(purchase_id(1), 1), release(purchase_id(1), 2)});
    market.chain.add({release(purchase_id(2), 3), release(purchase_id(2), 1), pay(purchase_id(2), 10, 1, false)});
    market.chain.add({pay(purchase_id(4), 100, 5, true), refund(purchase_id(6), 100)});
    market.settle();
    const auto purchases = [&](const Query& query) {
        return all_of([&](const Query& asked) { return market.reads.purchases(asked); }, "purchases", query, 3);
    };
    const auto all = purchases({});
    REQUIRE(all.size() == 20);
    CHECK(all.front().at("id").as_string() == purchase_id(19));
    CHECK(all.back().at("id").as_string() == purchase_id(0));
    CHECK(purchases({{"buyer", "did:key:ann"}}).size() == 5);
    CHECK(purchases({{"seller", "did:key:other"}}).size() == 10);
    CHECK(purchases({{"offer", offer_id(1)}, {"buyer", "did:key:bob"}}).size() == 5);
    CHECK(purchases({{"buyer", "did:key:nobody"}}).empty());
    const auto in_state = [&](const char* state) {
        std::vector<std::string> ids;
        for (const auto& one : purchases({{"state", state}})) ids.emplace_back(one.at("id").as_string());
        return ids;
    };
    CHECK(in_state("escrowed").size() == 16);
    CHECK(in_state("released") == std::vector{purchase_id(1)});
    CHECK(in_state("delivering") == std::vector{purchase_id(2)});
    CHECK(in_state("settled") == std::vector{purchase_id(4)});
    CHECK(in_state("refunded") == std::vector{purchase_id(6)});
    const auto one = market.reads.purchase(purchase_id(1));
    REQUIRE(one);
    CHECK(one->at("releases").as_int64() == 2);
    CHECK(one->at("threshold").as_int64() == 2);
}

TEST_CASE("a purchase of time is released by the key epochs that open while it lasts") {
    StubMarket market;
    market.add({deal(1, 2), deal(2, 2), buy({.id = purchase_id(1), .key_epoch = 0, .by_time = true}),
                release(purchase_id(1), 1, 1), release(purchase_id(1), 2, 2)});
    CHECK(market.reads.purchase(purchase_id(1))->at("state").as_string() == "escrowed");
    market.add({release(purchase_id(1), 3, 2)});
    const auto purchase = market.reads.purchase(purchase_id(1));
    CHECK(purchase->at("state").as_string() == "released");
    CHECK(purchase->at("releases").as_int64() == 2);
    CHECK(purchase->as_object().contains("window"));
    CHECK_FALSE(purchase->as_object().contains("batch"));
}

TEST_CASE("blocks, transactions, transfers, actors and key epochs come in pages") {
    StubMarket market;
    market.chain.add({trust_issuer("did:key:issuer", true), list({.number = 1})});
    std::vector<Done> people;
    for (int i = 0; i < 9; ++i)
        people.push_back(
            register_seller("did:key:" + std::to_string(i), i < 4 ? "did:key:issuer" : "", UINT64_C(4) << 50));
    market.chain.add(people);
    for (std::uint32_t i = 1; i <= 5; ++i) market.chain.add({open_key_epoch(i, i * 1'000'000)});
    market.chain.add({record_batch(1, 1, 2'000'000), open_key_epoch(1, 1'000'000)});  // asked again: the same answer
    for (int i = 0; i < 7; ++i)
        market.chain.add({{.contract = "credits",
                           .function = "Transfer",
                           .response = {},
                           .events = {transferred("did:key:0", "did:key:0", 1), transferred("did:key:0", "x", 2),
                                      transferred("x", "y", 3)},
                           .arguments = {}}});
    market.settle();
    auto& reads = market.reads;
    CHECK(all_of([&](const Query& q) { return reads.blocks(q); }, "blocks", {}, 4).size() == 15);
    CHECK(all_of([&](const Query& q) { return reads.transactions(q); }, "transactions", {}, 6).size() == 25);
    CHECK(all_of([&](const Query& q) { return reads.transactions(q); }, "transactions", {{"function", "Transfer"}}, 2)
              .size() == 7);
    const auto moved = all_of([&](const Query& q) { return reads.transfers("did:key:0", q); }, "transfers", {}, 5);
    CHECK(moved.size() == 14);  // the one to itself once
    CHECK(all_of([&](const Query& q) { return reads.actors(q); }, "actors", {}, 2).size() == 9);
    CHECK(all_of([&](const Query& q) { return reads.actors(q); }, "actors", {{"verified", "true"}}, 3).size() == 4);
    CHECK(all_of([&](const Query& q) { return reads.actors(q); }, "actors", {{"role", "client"}}, 3).empty());
    const auto epochs = reads.key_epochs(offer_id(1), {});
    REQUIRE(epochs);
    CHECK(epochs->at("key_epochs").as_array().empty());  // the stub's offer sells another stream
    CHECK(reads.batches(offer_id(1), {})->at("batches").as_array().size() == 1);
}

TEST_CASE("scores that trust epochs give are the sellers', in lists, offers and searches") {
    StubMarket market;
    market.add({trust_issuer("did:key:issuer", true),
                register_seller("did:key:good", "did:key:issuer", UINT64_C(4) << 50),
                list({.number = 1, .seller = "did:key:good"})});
    const auto trust = [&] { return market.reads.offer(offer_id(1))->at("seller_trust").as_int64(); };
    CHECK(trust() == 500'000);
    market.add({score("did:key:good", 1, 800'000, 1'000)});
    CHECK(trust() == 800'000);
    market.add({score("did:key:good", 2, 300'000, 2'000)});
    CHECK(trust() == 300'000);
    CHECK(market.reads.actor("did:key:good")->at("confidence").as_int64() == 2'000);
    CHECK(market.reads.offers({{"min_trust", "300001"}})->at("offers").as_array().empty());
    CHECK(market.reads.offers({{"min_trust", "300000"}})->at("offers").as_array().size() == 1);
}

TEST_CASE("a list refuses what it does not know, and a cursor that is not its own") {
    StubMarket market;
    market.add({list({.number = 1})});
    auto& reads = market.reads;
    const auto code = [](const Answer& answer) { return answer ? "" : answer.error().code; };
    CHECK(code(reads.purchases({{"state", "lost"}})) == "bad_request");
    CHECK(code(reads.purchases({{"colour", "red"}})) == "bad_request");
    CHECK(code(reads.purchases({{"limit", "201"}})) == "bad_request");
    for (const auto* cursor :
         {"MQ", "MSAy ", "eCB5", "MSAyIDM", "////"})  // "1", bad base64, "x y", "1 2 3", bad base64
        CHECK(code(reads.purchases({{"cursor", cursor}})) == "bad_request");
    CHECK(code(reads.purchases({{"cursor", "MSAy"}})).empty());  // "1 2"
    CHECK(code(reads.transfers("", {})) == "not_found");
    CHECK(code(reads.batches("../etc", {})) == "not_found");
    CHECK(code(reads.actors({{"role", "king"}})) == "bad_request");
}
