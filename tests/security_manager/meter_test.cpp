#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "security_manager/gate/meter.hpp"

using namespace fairstream::security_manager::gate;

TEST_CASE("meter: joins neighbours and counts everything once") {
    Meter meter;
    CHECK(meter.add(5, 7));
    CHECK(meter.add(1, 2));
    CHECK(meter.add(3, 4));  // closes the gap
    CHECK(meter.ranges() == std::vector<SequenceRange>{{1, 7}});
    CHECK(meter.add(2, 9));
    CHECK(meter.entries() == 9);
    CHECK(meter.contains(9));
    CHECK_FALSE(meter.contains(0));
    CHECK_FALSE(meter.contains(10));
}

TEST_CASE("meter: agrees with a plain set, whatever comes in whatever order") {
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        Meter meter;
        std::set<std::uint64_t> plain;
        for (int i = 0; i < 40; ++i) {
            const std::uint64_t first = random() % 100;
            const std::uint64_t last = first + random() % 8;
            REQUIRE(meter.add(first, last));
            for (std::uint64_t n = first; n <= last; ++n) plain.insert(n);
        }
        REQUIRE(meter.entries() == plain.size());
        for (std::uint64_t n = 0; n < 120; ++n) REQUIRE(meter.contains(n) == (plain.count(n) == 1));
        const auto ranges = meter.ranges();
        for (std::size_t i = 1; i < ranges.size(); ++i) REQUIRE(ranges[i - 1].last + 1 < ranges[i].first);
    }
}

TEST_CASE("meter: the ends of the number range hold") {
    constexpr std::uint64_t kEnd = UINT64_MAX;
    Meter meter;
    CHECK(meter.add(kEnd, kEnd));
    CHECK(meter.add(0, 0));
    CHECK(meter.contains(0));
    CHECK(meter.contains(kEnd));
    CHECK(meter.add(kEnd - 1, kEnd));
    CHECK(meter.entries() == 3);
}

TEST_CASE("meter: a reader that skips about is told to stop, and may still fill its gaps") {
    Meter meter;
    for (std::uint64_t i = 0; i < Meter::kMaxRanges; ++i) REQUIRE(meter.add(2 * i, 2 * i));
    CHECK_FALSE(meter.add(1'000'000, 1'000'000));
    CHECK(meter.add(1, 1));
    CHECK(meter.add(1'000'000, 1'000'000));
}
