// The REST interface over HTTPS on a read model that follows a chain in memory: what needs no ledger.
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "base/net/http.hpp"
#include "marketplace_dapp/api/api.hpp"
#include "tests/marketplace_dapp/stub_market.hpp"
#include "tests/support/test_pki.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using marketplace_dapp::api::Api;
namespace json = boost::json;

namespace {

struct Served {
    TestCa ca = make_test_ca("org1");
    PemPair pem = ca.issue("dapp");
    StubMarket market;
    base::net::Loop loop;
    // No gateway is there: whatever asks the ledger fails.
    ledger::client::Client client{loop,
                                  {.channel = "test",
                                   .gateways = {{.address = {"127.0.0.1", 1}, .server_name = "nobody"}},
                                   .trusted_roots = ca.certificate(),
                                   .call_timeout = 100ms,
                                   .commit_timeout = 100ms}};
    std::unique_ptr<Api> api;

    explicit Served(double per_second = 10'000) {
        loop.start();
        Api::Options options;
        options.listen = {"127.0.0.1", 0};
        options.tls = {pem.certificate, pem.private_key, {}};
        options.database = market.postgres.connection();
        options.key = identity::crypto::SigningKey::generate();
        options.reads_per_second = options.writes_per_second = per_second;
        auto started = Api::start(loop, options, client, market.engine, market.metrics);
        REQUIRE(started);
        api = std::move(*started);
    }
    ~Served() { loop.stop(); }

    std::string url(const std::string& target) const {
        return "https://127.0.0.1:" + std::to_string(api->port()) + target;
    }
    Result<base::net::HttpResponse> get(const std::string& target,
                                        const std::map<std::string, std::string>& headers = {},
                                        std::chrono::milliseconds timeout = 30s) const {
        return base::net::HttpClient(ca.certificate()).request("GET", url(target), headers, {}, timeout);
    }
};

}  // namespace

TEST_CASE("a client in a hurry is told to wait, in a problem document that says it may try again") {
    const Served served(/*per_second=*/0.001);
    base::net::HttpClient http(served.ca.certificate());
    const auto ask = [&](const std::string& target) {
        auto response = http.request("GET", served.url(target), {}, {}, 30s);
        REQUIRE(response);
        return *response;
    };
    CHECK(ask("/api/v1/offers").status != 429);
    const auto refused = ask("/api/v1/offers");
    CHECK(refused.status == 429);
    CHECK(refused.headers.at("content-type") == "application/problem+json");
    CHECK(refused.headers.at("retry-after") == "1");
    const auto problem = json::parse(refused.body);
    CHECK(problem.at("code").as_string() == "rate_limited");
    CHECK(problem.at("retryable").as_bool());
    CHECK(ask("/livez").status == 204);  // not limited
}

TEST_CASE("a stream that broke off is gone on with by the last id, without loss or double") {
    Served served;
    for (int i = 1; i <= 5; ++i) served.market.chain.add({faucet(i)});
    served.market.settle();
    std::set<std::string> seen;
    std::string last = "0.0.0";
    // Each time the client gives up after a moment; what it had read by then is lost with the request, so a page tells
    // it.
    for (int i = 6; i <= 12; ++i) {
        CHECK(served.get("/api/v1/events", {{"accept", "text/event-stream"}, {"last-event-id", last}}, 50ms)
                  .error()
                  .code == "timeout");
        served.market.add({faucet(i)});
        const auto page = served.get("/api/v1/events?limit=3&after=" + last);
        REQUIRE(page);
        const auto events = json::parse(page->body);
        for (const auto& event : events.at("events").as_array()) {
            last = event.at("id").as_string();
            CHECK(seen.insert(last).second);
        }
    }
    CHECK(seen.size() == 12);
    CHECK(served.get("/api/v1/events?after=nonsense", {{"accept", "text/event-stream"}})->status == 400);
}

TEST_CASE("a stream says over HTTPS what happens to a purchase, and ends with it") {
    Served served;
    served.market.add({deal(1, 1), buy({.id = purchase_id(1)})});
    auto followed = std::async(std::launch::async,
                               [&] { return served.get("/api/v1/purchases/" + purchase_id(1) + "/events", {}, 60s); });
    served.market.add({release(purchase_id(1), 1)});
    served.market.add({pay(purchase_id(1), 100, 5, true)});
    const auto stream = followed.get();
    REQUIRE(stream);
    CHECK(stream->status == 200);
    CHECK(stream->headers.at("content-type") == "text/event-stream");
    CHECK(stream->body.find("\"state\":\"settled\"") != std::string::npos);
    CHECK(stream->body.ends_with("event: end\ndata: {\"reason\":\"final\"}\n\n"));
    CHECK(served.get("/api/v1/purchases/" + purchase_id(2) + "/events")->status == 404);
    CHECK(served.get("/api/v1/purchases/x/events")->status == 404);
    const auto late = served.get("/api/v1/purchases/" + purchase_id(1) + "/events?after=99.0.0");
    CHECK(late->status == 204);
}

TEST_CASE("a DApp says whether it may serve, and why not, while PostgreSQL is away and when the chain contradicts it") {
    Served served;
    served.market.add({list({.number = 1})});
    const auto health = [&] {
        const auto response = served.get("/healthz");
        REQUIRE(response);
        CHECK(response->headers.at("content-type") == "application/json");
        const auto said = json::parse(response->body);
        CHECK(said.at("live").as_bool());
        CHECK(said.at("ready").as_bool() == (response->status == 200));
        return said.as_object();
    };
    const auto well = health();
    CHECK(well.at("ready").as_bool());
    CHECK_FALSE(well.contains("why"));
    CHECK(well.at("height").as_int64() == 1);
    CHECK(well.at("behind").as_int64() == 0);
    served.market.postgres.kill();
    CHECK(health().at("why") == "PostgreSQL does not answer");
    CHECK(served.get("/livez")->status == 204);
    served.market.postgres.start();
    CHECK(eventually([&] { return health().at("ready").as_bool(); }, 30s));
    served.market.chain.fork();
    served.market.chain.add({list({.number = 2})});
    REQUIRE(eventually([&] { return served.market.engine.state().halted.has_value(); }, 30s));
    CHECK(std::string(health().at("why").as_string()).find("only a rebuild helps") != std::string::npos);
}

TEST_CASE("without a gateway, what asks the ledger can be asked again, and what asks PostgreSQL is answered") {
    Served served;
    served.market.add({list({.number = 1})});
    const auto grant = served.get("/api/v1/grants/" + std::string(32, '0'));
    REQUIRE(grant);
    CHECK(grant->status == 503);
    CHECK(json::parse(grant->body).at("retryable").as_bool());
    CHECK(served.get("/api/v1/offers/" + offer_id(1))->status == 200);
    CHECK(served.get("/api/v1/offers/" + offer_id(1) + "/storage")->status == 200);
    CHECK(served.get("/api/v1/offers/" + offer_id(2) + "/storage")->status == 404);
    CHECK(served.get("/api/v1/offers/nonsense")->status == 404);
}
