// Traces: the W3C header, the queue's bound, and what reaches a collector over OTLP/HTTP.
#include "base/trace.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <mutex>

#include "base/net/http.hpp"
#include "base/net/trace_exporter.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/trace_collector.hpp"

using namespace fairstream;
using namespace fairstream::base;
using tests::Collector;
using namespace std::chrono_literals;

namespace {

constexpr auto kFromTheSpecification = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

}  // namespace

TEST_CASE("a traceparent is read as the recommendation writes it, and nothing else is") {
    const auto context = TraceContext::parse(kFromTheSpecification);
    REQUIRE(context);
    CHECK(context->to_text() == kFromTheSpecification);
    CHECK(context->trace_id() == "4bf92f3577b34da6a3ce929d0e0e4736");
    CHECK(context->sampled);
    CHECK(context->child().trace == context->trace);
    CHECK(context->child().span != context->span);
    for (const auto* bad : {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"})
        CHECK_FALSE(TraceContext::parse(bad));
    CHECK_FALSE(TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->sampled);
    CHECK(TraceContext::parse(TraceContext::root().to_text()));
}

TEST_CASE("spans wait in a bounded queue, and what finds no room is counted") {
    SpanQueue queue(2);
    for (int i = 0; i < 5; ++i) SpanTimer(&queue, "step" + std::to_string(i), kFromTheSpecification).end();
    CHECK(queue.dropped() == 3);
    const auto spans = queue.take(10);
    REQUIRE(spans.size() == 2);
    CHECK(spans[0].name == "step0");
    CHECK(queue.take(10).empty());
}

TEST_CASE("nothing is measured without a sampled caller or a queue") {
    SpanQueue queue;
    SpanTimer(&queue, "step", "").end();
    SpanTimer(&queue, "step", "no traceparent").end();
    SpanTimer(&queue, "step", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").end();
    SpanTimer without(nullptr, "step", kFromTheSpecification);
    CHECK(without.traceparent() == kFromTheSpecification);
    without.end();
    CHECK(queue.take(1).empty());
}

TEST_CASE("spans reach the collector as OTLP in JSON") {
    Collector collector;
    SpanQueue queue;
    Metrics metrics;
    const net::TraceExporter exporter(collector.options(), queue, metrics);
    SpanTimer outer(&queue, "gateway.endorse", kFromTheSpecification);
    outer.attribute("transaction", "ab\"12");
    SpanTimer inner(&queue, "node.endorse", outer.traceparent());
    inner.end("busy");
    outer.end();

    const auto spans = [&] {
        std::map<std::string, boost::json::object> found;
        for (const auto& body : collector.bodies()) {
            REQUIRE(body.starts_with("POST /v1/traces "));
            const auto json = boost::json::parse(body.substr(body.find('{')));
            const auto& resource = json.at("resourceSpans").as_array().at(0);
            CHECK(resource.at("resource").at("attributes").at(0).at("value").at("stringValue").as_string() ==
                  "fairstream-node");
            for (const auto& span : resource.at("scopeSpans").at(0).at("spans").as_array())
                found[std::string(span.at("name").as_string())] = span.as_object();
        }
        return found;
    };
    REQUIRE(tests::eventually([&] { return spans().size() == 2; }));
    auto found = spans();
    auto& endorse = found["gateway.endorse"];
    CHECK(endorse["traceId"].as_string() == "4bf92f3577b34da6a3ce929d0e0e4736");
    CHECK(endorse["parentSpanId"].as_string() == "00f067aa0ba902b7");
    CHECK(endorse["attributes"].at(0).at("value").at("stringValue").as_string() == "ab\"12");
    CHECK(found["node.endorse"]["parentSpanId"].as_string() == endorse["spanId"].as_string());
    CHECK(found["node.endorse"]["status"].at("message").as_string() == "busy");
    const auto nanoseconds = std::string(endorse["startTimeUnixNano"].as_string());
    CHECK(nanoseconds.size() == 19);
}

TEST_CASE("while the collector is away, or refuses, spans are dropped and nobody waits") {
    SpanQueue queue;
    Metrics metrics;
    const auto dropped = [&] {
        return metrics.text().find("fairstream_trace_spans_total{result=\"dropped\"} 1") != std::string::npos;
    };
    SECTION("nobody listens") {
        net::TraceExporter::Options options;
        {
            const Collector gone;
            options = gone.options();
        }
        const net::TraceExporter exporter(options, queue, metrics);
        SpanTimer(&queue, "step", kFromTheSpecification).end();
        CHECK(tests::eventually(dropped));
    }
    SECTION("it answers 503") {
        Collector collector(503);
        const net::TraceExporter exporter(collector.options(), queue, metrics);
        SpanTimer(&queue, "step", kFromTheSpecification).end();
        CHECK(tests::eventually(dropped));
    }
}
