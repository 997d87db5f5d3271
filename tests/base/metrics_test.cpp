#include "base/metrics.hpp"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using fairstream::base::Metrics;

namespace {

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("metrics are written in Prometheus' text format") {
    Metrics metrics;
    metrics.count("fairstream_blocks_total");
    metrics.count("fairstream_blocks_total", 2);
    metrics.count("fairstream_refused_total", 1, {{"code", "too \"large\"\n"}});
    metrics.gauge("fairstream_height", 7);
    metrics.gauge("fairstream_height", 9);
    metrics.observe("fairstream_commit_seconds", 0.003);
    metrics.observe("fairstream_commit_seconds", 3);
    const std::string text = metrics.text();
    CHECK(has_line(text, "# TYPE fairstream_blocks_total counter"));
    CHECK(has_line(text, "fairstream_blocks_total 3"));
    CHECK(has_line(text, R"(fairstream_refused_total{code="too \"large\"\n"} 1)"));
    CHECK(has_line(text, "fairstream_height 9"));
    CHECK(has_line(text, R"(fairstream_commit_seconds_bucket{le="0.002"} 0)"));
    CHECK(has_line(text, R"(fairstream_commit_seconds_bucket{le="0.005"} 1)"));
    CHECK(has_line(text, R"(fairstream_commit_seconds_bucket{le="+Inf"} 2)"));
    CHECK(has_line(text, "fairstream_commit_seconds_count 2"));
}

TEST_CASE("threads count into the same counter") {
    Metrics metrics;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) metrics.count("n_total", 1, {{"kind", i % 2 == 0 ? "even" : "odd"}});
        });
    for (auto& thread : threads) thread.join();
    CHECK(has_line(metrics.text(), R"(n_total{kind="even"} 2000)"));
    CHECK(has_line(metrics.text(), R"(n_total{kind="odd"} 2000)"));
}
