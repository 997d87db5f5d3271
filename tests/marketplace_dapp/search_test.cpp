#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <set>

#include "marketplace_dapp/api/rate_limit.hpp"
#include "marketplace_dapp/api/reads.hpp"
#include "marketplace_dapp/events/event_engine.hpp"
#include "tests/marketplace_dapp/private_postgres.hpp"
#include "tests/marketplace_dapp/stub_chain.hpp"
#include "tests/support/eventually.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using marketplace_dapp::api::RateLimit;
using marketplace_dapp::api::Reads;

namespace {

using Query = Reads::Query;
constexpr std::uint64_t kFarFutureUs = 4'000'000'000'000'000;
constexpr std::uint64_t kLongAgoUs = 1'000'000'000'000'000;

/// The offers' numbers, in the order they came.
std::vector<int> numbers(const boost::json::value& page) {
    std::vector<int> out;
    for (const auto& offer : page.at("offers").as_array())
        out.push_back(std::stoi(std::string(offer.at("id").as_string())));
    return out;
}

struct Market {
    PrivatePostgres postgres;
    StubChain chain;
    base::Metrics metrics;
    marketplace_dapp::events::EventEngine engine{chain, postgres.connection(), {.network = "test"}, metrics};
    Reads reads{postgres.connection()};

    void settle() {
        REQUIRE(eventually([&] { return engine.state().started && engine.state().height == chain.sealed_height(); }));
    }
    std::vector<int> find(const Query& query) {
        auto page = reads.offers(query);
        INFO((page ? "" : page.error().message));
        REQUIRE(page);
        return numbers(*page);
    }
    std::string refusal(const Query& query) {
        const auto page = reads.offers(query);
        return page ? "" : page.error().code;
    }
};

}  // namespace

TEST_CASE("offers are found by text, topic, price and place, and nearest, best or newest first") {
    Market market;
    market.chain.add(
        {trust_issuer("did:key:issuer", true), register_seller("did:key:good", "did:key:issuer", kFarFutureUs),
         register_seller("did:key:expired", "did:key:issuer", kLongAgoUs), register_seller("did:key:plain", "", 0)});
    market.chain.add({list({.number = 1,
                            .seller = "did:key:good",
                            .topic = "city/air/munich",
                            .price_micro = 10,
                            .title = "Air quality sensors",
                            .place = {{48.137, 11.575}}}),
                      list({.number = 2,
                            .seller = "did:key:expired",
                            .topic = "city/air/berlin",
                            .price_micro = 20,
                            .title = "Fine dust",
                            .place = {{52.52, 13.405}}}),
                      list({.number = 3,
                            .seller = "did:key:plain",
                            .topic = "factory/boiler-7",
                            .price_micro = 30,
                            .title = "Boiler temperature"}),
                      list({.number = 4,
                            .seller = "did:key:plain",
                            .topic = "sea/fiji",
                            .price_micro = 40,
                            .title = "Buoy",
                            .place = {{-17.7, 179.9}}})});
    market.settle();

    CHECK(market.find({}) == std::vector{4, 3, 2, 1});
    CHECK(market.find({{"q", "sensor"}}) == std::vector{1});  // stems: sensors
    CHECK(market.find({{"q", "munich"}}) == std::vector{1});  // from the topic
    CHECK(market.find({{"q", "\"fine dust\" or boiler"}}).size() == 2);
    CHECK(market.find({{"q", "'; DROP TABLE market.offers; --"}}).empty());
    CHECK(market.find({{"topic", "city/"}}) == std::vector{2, 1});
    CHECK(market.find({{"topic", "city%"}}).empty());
    CHECK(market.find({{"min_price_micro", "20"}, {"max_price_micro", "30"}}) == std::vector{3, 2});
    CHECK(market.find({{"near", "48.1,11.5"}, {"radius_km", "600"}}) == std::vector{1, 2});
    CHECK(market.find({{"near", "48.1,11.5"}, {"radius_km", "20"}}) == std::vector{1});
    CHECK(market.find({{"near", "-17.7,-179.9"}, {"radius_km", "50"}}) == std::vector{4});  // over the antimeridian
    CHECK(market.find({{"near", "90,0"}, {"radius_km", "4300"}}) == std::vector{2});        // around the pole
    CHECK(market.find({{"mode", "auction"}}).empty());
    CHECK(market.find({{"seller", "did:key:good"}}) == std::vector{1});
    CHECK(market.find({{"verified", "true"}}) == std::vector{1});
    CHECK(market.find({{"min_trust", "500000"}}) == std::vector{1});

    SECTION("an issuer that is trusted no longer makes no one verified") {
        market.chain.add({trust_issuer("did:key:issuer", false)});
        market.settle();
        CHECK(market.find({{"verified", "true"}}).empty());
        CHECK(market.reads.actor("did:key:good")->at("trust_score").as_int64() == 0);
    }
}

TEST_CASE("pages follow one another without loss or double, in every order") {
    Market market;
    std::vector<Done> offers;
    for (int i = 1; i <= 25; ++i)
        offers.push_back(
            list({.number = i, .title = i % 2 == 0 ? "sensor" : "sensor sensor", .place = {{48.0 + i / 100.0, 11.0}}}));
    market.chain.add(offers);
    market.settle();
    for (const Query& query : {Query{}, Query{{"q", "sensor"}}, Query{{"near", "48,11"}, {"radius_km", "500"}}}) {
        std::set<int> seen;
        Query page_of = query;
        page_of["limit"] = std::string("7");
        int pages = 0;
        for (bool more = true; more; ++pages) {
            const auto page = market.reads.offers(page_of);
            REQUIRE(page);
            for (const int number : numbers(*page)) CHECK(seen.insert(number).second);
            const auto* next = page->as_object().if_contains("next");
            more = next != nullptr;
            if (more) page_of["cursor"] = std::string(next->as_string());
        }
        CHECK(seen.size() == 25);
        CHECK(pages == 4);
    }
}

TEST_CASE("what a search cannot mean is refused, and what does not exist is not found") {
    Market market;
    market.chain.add({list({.number = 1})});
    market.settle();
    for (const Query& bad :
         {Query{{"limit", "0"}}, Query{{"limit", "201"}}, Query{{"limit", "1e2"}}, Query{{"near", "1,2"}},
          Query{{"radius_km", "1"}}, Query{{"near", "91,0"}, {"radius_km", "1"}},
          Query{{"near", "1;2"}, {"radius_km", "1"}}, Query{{"near", "1,2"}, {"radius_km", "nan"}},
          Query{{"min_price_micro", "-1"}}, Query{{"min_trust", "1000001"}}, Query{{"verified", "yes"}},
          Query{{"cursor", "???"}}, Query{{"cursor", "YWJj"}}, Query{{"q", "\xff"}},
          Query{{"q", std::string(201, 'a')}}, Query{{"colour", "red"}}})
        CHECK(market.refusal(bad) == "bad_request");
    CHECK(market.reads.offer(offer_id(1)));
    for (const auto& id : {offer_id(2), std::string("zz"), std::string(), std::string(32, 'G'), std::string(4000, '0')})
        CHECK(market.reads.offer(id).error().code == "not_found");
    CHECK(market.reads.purchase(offer_id(2)).error().code == "not_found");
    CHECK(market.reads.block("2").error().code == "not_found");
    CHECK(market.reads.block("99999999999999999999").error().code == "not_found");
    CHECK(market.reads.transaction("").error().code == "not_found");
    CHECK(market.reads.actor("did:key:nobody").error().code == "not_found");
}

TEST_CASE("without PostgreSQL, reads say that they can be asked again") {
    Market market;
    market.chain.add({list({.number = 1})});
    market.settle();
    market.postgres.kill();
    const auto page = market.reads.offers({});
    REQUIRE_FALSE(page);
    const auto response = marketplace_dapp::api::to_response(page);
    CHECK(response.status == 503);
    CHECK(response.body.find("\"retryable\":true") != std::string::npos);
    market.postgres.start();
    CHECK(eventually([&] { return market.reads.offers({}).has_value(); }));
}

TEST_CASE("a peer in a hurry has to wait, the others do not") {
    RateLimit limit(5);
    for (int i = 0; i < 10; ++i) CHECK(limit.admit("a", 0us));
    CHECK_FALSE(limit.admit("a", 0us));
    CHECK(limit.admit("b", 0us));
    CHECK(limit.admit("a", 200ms));
    CHECK_FALSE(limit.admit("a", 200ms));
}
