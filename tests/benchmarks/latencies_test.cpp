#include "benchmarks/latencies.hpp"

#include <catch2/catch.hpp>

using fairstream::benchmarks::Latencies;
using namespace std::chrono_literals;

TEST_CASE("percentiles are values that were measured, by nearest rank") {
    Latencies latencies;
    for (int ms = 100; ms >= 1; --ms) latencies.add(std::chrono::milliseconds(ms));
    CHECK(latencies.percentile_ms(0) == 1);
    CHECK(latencies.percentile_ms(50) == 50);
    CHECK(latencies.percentile_ms(95) == 95);
    CHECK(latencies.percentile_ms(99) == 99);
    CHECK(latencies.percentile_ms(100) == 100);
}

TEST_CASE("one measurement is every percentile, none is zero") {
    Latencies latencies;
    CHECK(latencies.percentile_ms(99) == 0);
    latencies.add(1500us);
    CHECK(latencies.percentile_ms(1) == 1.5);
    CHECK(latencies.percentile_ms(99) == 1.5);
}

TEST_CASE("what several threads measured is one") {
    Latencies one, other;
    one.add(1ms);
    other.add(3ms);
    other.add(2ms);
    one.merge(other);
    CHECK(one.count() == 3);
    CHECK(one.percentile_ms(50) == 2);
    CHECK(one.to_json().at("p99_ms").as_double() == 3);
}
