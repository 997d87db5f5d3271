#include <catch2/catch.hpp>

#include "tests/support/ordering/bench.hpp"

/// When a node acts by itself: proposing, leaving a round, asking others for blocks. Limits: gather 10 ms, seal after
/// 50 ms, rounds of 400, 600, 900, ... ms.
namespace fairstream::tests::ordering {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a node with nothing to decide sets no timer") {
    Bench node(0);
    node.start();
    CHECK_FALSE(node.timer);
    node.hear(node.prepares(0, node.block("a"), {2}) + node.commits(0, node.block("a"), {2}));
    CHECK_FALSE(node.timer);  // whatever one member says, it may be lying
    node.hear(node.prepares(0, node.block("a"), {3}));
    CHECK(node.timer == order::Monotonic(400ms));
}

TEST_CASE("one member cannot make an idle network decide empty blocks") {
    Bench node(0);
    node.start();
    SECTION("by messages of the height") {
        node.hear(node.round_changes(1, {1}) + node.round_changes(2, {1}) + node.prepares(0, node.block("a"), {1}));
        CHECK_FALSE(node.timer);
        CHECK(node.round() == 0);
    }
    SECTION("by proposing one") {
        node.hear(node.propose(1, 0, proto::encode(block_on(node.channel(), node.tip, 0, {}, 0))));
        CHECK(node.refused() == std::vector<std::string>{"wrong_block"});
        CHECK(node.sent().empty());
    }
    CHECK(node.log.empty());
}

TEST_CASE("a node whose transactions have gone falls silent, and wakes when others speak") {
    Bench node(0);
    node.start({.any = true, .full_block = false});
    node.time_out();
    REQUIRE(node.sent(Step::kRoundChange).size() == 1);
    node.step(order::WaitingChanged{});
    node.time_out();
    CHECK(node.sent().empty());
    CHECK_FALSE(node.timer);
    node.hear(node.round_changes(1, {1}));
    CHECK_FALSE(node.timer);
    node.hear(node.round_changes(1, {3}));
    REQUIRE(node.timer);
}

TEST_CASE(
    "a leader proposes at once when the last block is long ago, else gathers first, and a full block never waits") {
    Bench node(1);  // leads height 1
    node.pool = {"a"};
    SECTION("long ago") {
        node.start();
        node.now = 5s;
        node.step(order::WaitingChanged{{.any = true, .full_block = false}});
        CHECK(node.sent(Step::kPropose).size() == 1);
    }
    SECTION("just now") {
        node.start({.any = true, .full_block = false});
        CHECK(node.sent().empty());
        CHECK(node.timer == order::Monotonic(10ms));
        node.time_out();
        CHECK(node.sent(Step::kPropose).size() == 1);
    }
    SECTION("full") {
        node.start({.any = true, .full_block = true});
        CHECK(node.sent(Step::kPropose).size() == 1);
    }
}

TEST_CASE("a leader whose waiting transactions are gone looks again a little later and proposes nothing empty") {
    Bench node(1);
    node.start({.any = true, .full_block = true});
    CHECK(node.sent().empty());
    node.pool = {"a"};
    node.time_out();
    CHECK(node.sent(Step::kPropose).size() == 1);
}

TEST_CASE("a round's time runs from when a quorum has come to it") {
    Bench node(0);
    node.start({.any = true, .full_block = false});
    node.time_out();  // at 410 ms, with the leader's time to gather
    REQUIRE(node.now == order::Monotonic(410ms));
    REQUIRE(node.round() == 1);
    node.now = 1000ms;
    node.hear(node.round_changes(1, {1}));
    CHECK(node.timer == order::Monotonic(1010ms));  // two of four: 600 ms from its own ROUND-CHANGE
    node.now = 1005ms;
    node.hear(node.round_changes(1, {3}));
    CHECK(node.timer == order::Monotonic(1605ms));
    node.time_out();
    CHECK(node.round() == 2);
    node.hear(node.round_changes(2, {1, 3}));
    CHECK(node.timer == order::Monotonic(1605ms + 900ms));
}

TEST_CASE("members that stay a height ahead are asked for blocks, those that are so for a moment are not") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    node.hear(signed_by(node.channel(), node_name(3), prepare_of(2, 0, Hash{1})));
    CHECK(node.asked<order::FetchBlocks>().empty());
    CHECK(node.timer == order::Monotonic(100ms));
    SECTION("for a moment") {
        node.hear(node.propose(1, 0, a));
        node.hear(node.prepares(0, a, {1, 2}));
        node.hear(node.commits(0, a, {1, 2}));
        CHECK(node.asked<order::Decided>().size() == 1);
        node.apply();
        CHECK(node.asked<order::FetchBlocks>().empty());
    }
    SECTION("for long") {
        node.time_out();
        REQUIRE(node.asked<order::FetchBlocks>().size() == 1);
        CHECK(node.asked<order::FetchBlocks>()[0].from == 1);
        node.time_out();
        CHECK(node.asked<order::FetchBlocks>().size() == 1);  // and again until it has them
    }
}

TEST_CASE(
    "one member that claims a great height is asked about it ever more rarely, two that are ahead five times a "
    "second") {
    Bench node(0);
    node.start();
    const auto claim = [&](std::size_t member) {
        node.hear(signed_by(node.channel(), node_name(member), prepare_of(1'000'000, 0, Hash{1})));
    };
    const auto pauses_ms = [&](std::size_t count) {
        std::vector<std::int64_t> out;
        for (auto last = node.now; out.size() < count && node.timer; last = node.now) {
            node.time_out();
            CHECK(node.asked<order::FetchBlocks>().size() == 1);
            out.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(node.now - last).count());
        }
        return out;
    };
    claim(3);
    SECTION("one") {
        CHECK(pauses_ms(20) == std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 6400, 10'000});
        CHECK_FALSE(node.timer);  // forgotten
        claim(3);
        CHECK(pauses_ms(20) == std::vector<std::int64_t>{10'000});
    }
    SECTION("two") {
        claim(2);
        CHECK(pauses_ms(5) == std::vector<std::int64_t>{100, 200, 200, 200, 200});
    }
}

}  // namespace
}  // namespace fairstream::tests::ordering
