#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <mutex>

#include "marketplace_dapp/api/event_feed.hpp"
#include "tests/marketplace_dapp/stub_market.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
using base::net::HttpRequest;
using base::net::HttpResponse;
using marketplace_dapp::api::EventFeed;
namespace json = boost::json;

namespace {

/// A client that takes everything, or nothing.
class StubWriter final : public base::net::HttpBodyWriter {
public:
    bool write(std::string bytes) override {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        body_ += bytes;
        return true;
    }
    void close() override {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    std::size_t waiting_bytes() const override { return stuck ? SIZE_MAX : 0; }
    bool open() const override { return !closed(); }
    bool closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }
    std::string body() const {
        const std::lock_guard lock(mutex_);
        return body_;
    }
    /// Of all events, in order.
    std::vector<std::string> ids() const {
        std::vector<std::string> all;
        std::istringstream lines(body());
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with("id: ")) all.push_back(line.substr(4));
        return all;
    }

    std::atomic<bool> stuck = false;

private:
    mutable std::mutex mutex_;
    std::string body_;
    bool closed_ = false;
};

struct Fed {
    StubMarket market;
    EventFeed feed;

    explicit Fed(EventFeed::Limits limits = {})
        : feed(market.postgres.connection(), "test", market.reads, limits, market.metrics) {
        market.engine.on_progress([this] { feed.wake(); });
    }
    ~Fed() { market.engine.on_progress({}); }

    std::shared_ptr<StubWriter> open(const HttpResponse& response) {
        INFO(response.body);
        REQUIRE(response.status == 200);
        REQUIRE(response.stream);
        auto writer = std::make_shared<StubWriter>();
        response.stream(writer);
        return writer;
    }
    std::shared_ptr<StubWriter> follow(const std::map<std::string, std::string>& query,
                                       const std::map<std::string, std::string>& headers = {}) {
        HttpRequest request;
        request.query = query;
        request.headers = headers;
        return open(feed.follow(request));
    }
};

}  // namespace

TEST_CASE("a follower gets every event once, in the chain's order, and goes on where it was after it broke off") {
    Fed fed;
    for (int i = 1; i <= 700; ++i) fed.market.chain.add({faucet(i), list({.number = i})});
    fed.market.settle();
    auto first = fed.follow({});
    REQUIRE(eventually([&] { return first->ids().size() == 1'400; }));
    CHECK(first->ids()[0] == "1.0.0");
    CHECK(first->ids()[1] == "1.1.0");
    CHECK(first->ids().back() == "700.1.0");
    auto second = fed.follow({{"after", "0.0.0"}}, {{"last-event-id", "699.1.0"}});
    auto third = fed.follow({{"after", "now"}});
    fed.market.add({faucet(701)});
    REQUIRE(eventually([&] { return second->ids().size() == 3 && !third->ids().empty(); }));
    CHECK(second->ids() == std::vector<std::string>{"700.0.0", "700.1.0", "701.0.0"});
    CHECK(third->ids() == std::vector<std::string>{"701.0.0"});
    CHECK(eventually([&] { return first->ids().back() == "701.0.0"; }));
}

TEST_CASE("an event is a CloudEvent, and a filter leaves the others out") {
    Fed fed;
    fed.market.chain.add({faucet(1), list({.number = 7}), buy({.id = purchase_id(7)})});
    fed.market.settle();
    const auto offers = fed.follow({{"type", "fairstream.marketplace.OfferCreated"}});
    const auto market = fed.follow({{"type", "fairstream.marketplace"}});
    const auto purchase = fed.follow({{"subject", purchase_id(7)}});
    REQUIRE(eventually([&] { return market->ids().size() == 2 && purchase->ids().size() == 1; }));
    REQUIRE(eventually([&] { return offers->ids().size() == 1; }));
    const auto body = offers->body();
    const auto event = json::parse(body.substr(body.find("data: ") + 6));
    CHECK(event.at("specversion").as_string() == "1.0");
    CHECK(event.at("id").as_string() == "1.1.0");
    CHECK(event.at("source").as_string() == "/networks/test");
    CHECK(event.at("type").as_string() == "fairstream.marketplace.OfferCreated");
    CHECK(event.at("subject").as_string() == offer_id(7));
    CHECK(event.at("data").at("offer").as_string() == offer_id(7));
}

TEST_CASE("pages of events go on where the last one ended") {
    Fed fed;
    for (int i = 1; i <= 5; ++i) fed.market.chain.add({faucet(i), faucet(i)});
    fed.market.settle();
    const auto page = fed.feed.page({{"limit", "7"}});
    REQUIRE(page);
    CHECK(page->at("events").as_array().size() == 7);
    CHECK(page->at("more").as_bool());
    const std::string next(page->at("next").as_string());
    const auto rest = fed.feed.page({{"limit", "7"}, {"after", next}});
    CHECK(rest->at("events").as_array().size() == 3);
    CHECK_FALSE(rest->at("more").as_bool());
    const std::string end(rest->at("next").as_string());
    CHECK(fed.feed.page({{"after", end}})->at("events").as_array().empty());
    fed.market.add({faucet(6)});
    CHECK(fed.feed.page({{"after", end}})->at("events").as_array().size() == 1);
    for (const auto* bad : {"", "1", "1.2", "1.2.3.4", "x.y.z", "-1.0.0", "99999999999999999999.0.0"})
        CHECK(fed.feed.page({{"after", bad}}).error().code == "bad_request");
    CHECK(fed.feed.page({{"type", "marketplace"}}).error().code == "bad_request");
    CHECK(fed.feed.page({{"limit", "501"}}).error().code == "bad_request");
}

TEST_CASE("a purchase is shown at once, whenever it changes, and for the last time when it is settled") {
    Fed fed;
    fed.market.add({deal(1, 1), buy({.id = purchase_id(1)})});
    const auto follower = fed.open(fed.feed.follow_purchase(purchase_id(1), {}));
    const auto has = [&](const std::string& state) {
        return eventually([&] { return follower->body().find("\"state\":\"" + state + "\"") != std::string::npos; },
                          30s);
    };
    CHECK(has("escrowed"));
    fed.market.add({release(purchase_id(1), 1)});
    CHECK(has("released"));
    HttpRequest resumed;
    resumed.headers["last-event-id"] = follower->ids().back();
    const auto again = fed.open(fed.feed.follow_purchase(purchase_id(1), resumed));
    fed.market.add({pay(purchase_id(1), 100, 5, true)});
    CHECK(has("settled"));
    CHECK(eventually([&] { return follower->closed() && again->closed(); }));
    CHECK(follower->body().ends_with("event: end\ndata: {\"reason\":\"final\"}\n\n"));
    CHECK(again->ids() == std::vector{follower->ids().back()});
    resumed.headers["last-event-id"] = again->ids().back();
    CHECK(fed.feed.follow_purchase(purchase_id(1), resumed).status == 204);
    CHECK(fed.feed.follow_purchase(purchase_id(2), {}).status == 404);
    CHECK(fed.feed.follow_purchase("nothing", {}).status == 404);
}

TEST_CASE("a follower that takes nothing is told so and let go, and the others are not held up") {
    Fed fed({.patience = 0ms});
    const auto slow = fed.follow({});
    const auto quick = fed.follow({});
    slow->stuck = true;
    fed.market.add({faucet(1)});
    CHECK(eventually([&] { return slow->closed() && !quick->ids().empty(); }));
    CHECK(slow->body().ends_with("event: end\ndata: {\"reason\":\"too_slow\"}\n\n"));
}

TEST_CASE("a quiet stream beats, and only so many may follow") {
    Fed fed({.max_followers = 2, .heartbeat = 1ms});
    auto first = fed.follow({});
    CHECK(eventually([&] { return first->body().find(":\n\n") != std::string::npos; }));
    auto second = fed.follow({});
    const auto refused = fed.feed.follow({});
    CHECK(refused.status == 503);
    CHECK(refused.body.find("too_many_followers") != std::string::npos);
    first->close();  // the client is gone
    CHECK(eventually([&] { return fed.feed.follow({}).status == 200; }));
}

TEST_CASE("followers outlive PostgreSQL's death, and miss nothing") {
    Fed fed;
    fed.market.add({faucet(1)});
    const auto follower = fed.follow({});
    REQUIRE(eventually([&] { return follower->ids().size() == 1; }));
    fed.market.postgres.kill();
    CHECK(fed.feed.follow({}).status == 200);
    fed.market.chain.add({faucet(2)});
    fed.market.postgres.start();
    CHECK(eventually([&] { return follower->ids().size() == 2; }));
    CHECK_FALSE(follower->closed());
}
