// One submission leaves one trace, whoever worked on it.
#include "base/trace.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;

TEST_CASE("a client's traceparent goes with its transaction through the gateway to the endorsers") {
    base::SpanQueue spans;
    Cluster cluster(3, /*started=*/false);
    for (std::size_t i = 0; i < 3; ++i)
        REQUIRE(code(cluster.start(i, [&](auto& config) { config.spans = &spans; })) == "ok");
    REQUIRE(cluster.ready());
    REQUIRE(eventually([&] { return cluster.health(0).peers_connected == 2; }));  // a quorum is enough to be ready
    auto options = cluster.options({0});
    options.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    ledger::client::Client client(cluster.loop(), options);
    const auto commit = client.submit(cluster.alice, kv("Put", "a=1"));
    REQUIRE(code(commit) == "ok");

    std::multimap<std::string, base::Span> found;
    REQUIRE(eventually([&] {
        for (auto& span : spans.take(100)) found.emplace(span.name, std::move(span));
        return found.count("node.endorse") >= 1 && found.count("gateway.submit") == 1;
    }));
    for (const auto& [name, span] : found) CHECK(span.at.trace_id() == "4bf92f3577b34da6a3ce929d0e0e4736");
    REQUIRE(found.count("gateway.endorse") == 1);
    const auto& endorse = found.find("gateway.endorse")->second;
    CHECK(endorse.parent == base::TraceContext::parse(options.traceparent)->span);
    CHECK(std::ranges::count(endorse.attributes, std::pair<std::string, std::string>{"function", "kv.Put"}) == 1);
    const auto endorsed = found.equal_range("node.endorse");
    for (auto span = endorsed.first; span != endorsed.second; ++span) CHECK(span->second.parent == endorse.at.span);
    // What another client submits without one is a trace of its own.
    REQUIRE(code(cluster.client({0})->submit(cluster.alice, kv("Put", "a=2"))) == "ok");
    REQUIRE(eventually([&] {
        for (const auto& span : spans.take(100))
            if (span.name == "gateway.submit") return span.at.trace_id() != "4bf92f3577b34da6a3ce929d0e0e4736";
        return false;
    }));
}
