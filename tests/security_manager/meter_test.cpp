#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "security_manager/gate/delivery_account.hpp"

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

TEST_CASE("meter: how far a number of new entries reaches, as a plain count says") {
    std::mt19937_64 random(2);
    for (int round = 0; round < 300; ++round) {
        Meter meter;
        for (int i = 0; i < 6; ++i) {
            const std::uint64_t first = 1 + random() % 40;
            REQUIRE(meter.add(first, first + random() % 5));
        }
        const std::uint64_t first = 1 + random() % 30, last = first + random() % 25, room = random() % 12;
        std::uint64_t expected = first - 1;
        for (std::uint64_t left = room, at = first; at <= last; ++at) {
            if (!meter.contains(at) && left-- == 0) break;
            expected = at;
        }
        CHECK(meter.reach(first, last, room) == expected);
    }
}

TEST_CASE("delivery account: what can no longer be counted is not served, however large W is") {
    DeliveryAccount account;
    account.set_window(1'000'000);
    for (std::uint64_t i = 1; i <= Meter::kMaxRanges; ++i) {
        REQUIRE(account.may_serve(2 * i));
        REQUIRE(account.serve(2 * i, 2 * i));
    }
    CHECK_FALSE(account.may_serve(1'000'000));
    CHECK(account.reach(1'000'000, 1'000'010) == 999'999);
    CHECK(account.may_serve(2));
    CHECK(account.may_serve(3));  // joins what was served
    CHECK(account.reach(1, 100) == 100);
}

TEST_CASE(
    "delivery account: at most W entries are served ahead of the receipts, again and again as often as one likes") {
    DeliveryAccount account;
    account.set_window(10);
    CHECK(account.reach(1, 100) == 10);
    REQUIRE(account.serve(1, 10));
    CHECK(account.ahead() == 10);
    CHECK_FALSE(account.may_serve(11));
    CHECK(account.may_serve(3));  // once more
    CHECK(account.reach(5, 20) == 10);
    account.cover(std::vector<SequenceRange>{{1, 6}});
    CHECK(account.ahead() == 4);
    CHECK(account.reach(11, 100) == 16);
    account.cover(std::vector<SequenceRange>{{1, 6}, {50, 59}});  // served by another operator
    CHECK(account.may_serve(55));
    CHECK(account.reach(45, 100) == 60);  // 45 to 49, ten that are paid for, and one more
    CHECK(account.served().entries() == 10);
}
