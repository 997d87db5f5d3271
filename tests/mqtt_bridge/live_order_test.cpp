#include "mqtt_bridge/client/live_order.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace fairstream;
using mqtt_bridge::client::LiveFrame;
using mqtt_bridge::client::LiveOrder;

namespace {

LiveFrame frame(std::uint64_t sequence) {
    return {sequence, Bytes(10), "op1"};
}
std::vector<LiveFrame> frames(std::uint64_t first, std::uint64_t last) {
    std::vector<LiveFrame> out;
    for (auto n = first; n <= last; ++n) out.push_back(frame(n));
    return out;
}
std::vector<std::uint64_t> numbers(LiveOrder& order) {
    std::vector<std::uint64_t> out;
    for (const auto& one : order.take()) out.push_back(one.sequence);
    return out;
}
using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("what was missed before the first pushed frame is fetched") {
    LiveOrder order(3, {});
    CHECK(order.wanted() == 3);
    order.pushed(frame(5));
    CHECK(order.gap());
    CHECK(numbers(order).empty());
    order.fetched(frames(3, 4));
    CHECK(numbers(order) == Numbers{3, 4, 5});
    CHECK_FALSE(order.wanted());  // from here on all is pushed
    order.pushed(frame(6));
    CHECK(numbers(order) == Numbers{6});
}

TEST_CASE("where the buyer's right begins is learnt from the first fetch, not from what is pushed") {
    LiveOrder order(0, {});
    order.pushed(frame(12));
    CHECK(order.wanted() == 1);
    CHECK(numbers(order).empty());
    order.fetched(frames(11, 13));
    CHECK(numbers(order) == Numbers{11, 12, 13});
    CHECK(order.next() == 14);
}

TEST_CASE("nothing comes out twice, however it comes in") {
    LiveOrder order(1, {});
    order.fetched(frames(1, 3));
    order.pushed(frame(2));
    order.pushed(frame(5));
    order.pushed(frame(5));
    order.fetched(frames(4, 6));
    order.pushed(frame(6));
    CHECK(numbers(order) == Numbers{1, 2, 3, 4, 5, 6});
}

TEST_CASE("an empty answer ends the asking, until something may have been missed") {
    LiveOrder order(1, {});
    order.fetched({});
    CHECK_FALSE(order.wanted());
    order.suspect();
    CHECK(order.wanted() == 1);
}

TEST_CASE("what there is no room for is dropped, and fetched once there is") {
    LiveOrder order(1, {.max_frames = 4, .max_bytes = 1u << 20});
    order.fetched({});
    for (std::uint64_t n = 1; n <= 9; ++n) order.pushed(frame(n));
    CHECK_FALSE(order.wanted());  // full
    CHECK(numbers(order) == Numbers{1, 2, 3, 4});
    REQUIRE(order.wanted() == 5);
    order.fetched(frames(5, 9));
    CHECK(numbers(order) == Numbers{5, 6, 7, 8, 9});
}

TEST_CASE("frames that wait for a missing one cannot keep it out") {
    LiveOrder order(1, {.max_frames = 4, .max_bytes = 1u << 20});
    for (std::uint64_t n = 2; n <= 9; ++n) order.pushed(frame(n));
    REQUIRE(order.wanted() == 1);
    order.fetched(frames(1, 1));
    CHECK(numbers(order) == Numbers{1, 2, 3, 4, 5});
    CHECK(order.wanted() == 6);
}

TEST_CASE("a byte bound holds as a frame bound does") {
    LiveOrder order(1, {.max_frames = 100, .max_bytes = 30});
    order.fetched({});
    for (std::uint64_t n = 1; n <= 9; ++n) order.pushed(frame(n));
    CHECK(numbers(order) == Numbers{1, 2, 3});
}

TEST_CASE("live order: every frame once, in order, whatever is lost, doubled and late", "[simulation]") {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
        const std::uint64_t begins = 1 + random() % 20;
        constexpr std::uint64_t kLast = 400;
        LiveOrder order(chance(50) ? 0 : begins, {.max_frames = 4 + random() % 60, .max_bytes = 1u << 20});
        std::uint64_t stored = begins - 1;
        std::vector<std::uint64_t> on_the_way;
        Numbers out;
        for (int step = 0; step < 20'000 && (out.empty() || out.back() < kLast); ++step) {
            if (stored < kLast && chance(40)) {
                ++stored;
                for (unsigned copies = chance(20) ? 0 : 1 + (chance(10) ? 1 : 0); copies > 0; --copies)
                    on_the_way.push_back(stored);
            }
            if (!on_the_way.empty() && chance(50)) {
                const auto which = chance(70) ? 0 : random() % on_the_way.size();
                order.pushed(frame(on_the_way[which]));
                on_the_way.erase(on_the_way.begin() + static_cast<std::ptrdiff_t>(which));
            }
            if (const auto from = order.wanted(); from && chance(30)) {
                const auto first = std::max(*from, begins);
                order.fetched(frames(first, std::min<std::uint64_t>(stored, first + random() % 16)));
            }
            if (chance(2)) order.suspect();
            if (chance(30))
                for (const auto n : numbers(order)) out.push_back(n);
        }
        Numbers all;
        for (auto n = begins; n <= kLast; ++n) all.push_back(n);
        REQUIRE(out == all);
    }
}
