#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/ledger/order/simulation.hpp"

/// ledger.md, "How it is tested": agreement, no double vote across restarts, validity, progress after healing, silence.
namespace fairstream::tests::ordering {
namespace {

struct Sum {
    std::uint64_t heights = 0;
    std::size_t messages = 0;
    std::uint32_t latest_round = 0;
};

Sum run_seeds(Simulation::Options options, std::uint64_t first, std::uint64_t count) {
    Sum sum;
    for (auto seed = first; seed < first + count; ++seed) {
        options.seed = seed;
        Simulation simulation(options);
        try {
            simulation.run();
        } catch (const std::exception& violation) {
            FAIL(violation.what());
        }
        sum.heights += simulation.height();
        sum.messages += simulation.messages();
        sum.latest_round = std::max(sum.latest_round, simulation.latest_round());
    }
    return sum;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::stoull(text);
}

TEST_CASE("on a kind network every height is decided in round 0, and then there is silence") {
    for (const std::size_t nodes : {1, 3, 4, 6, 7}) {
        const auto sum = run_seeds({.nodes = nodes,
                                    .loss_percent = 0,
                                    .double_percent = 0,
                                    .crash_permille = 0,
                                    .heal_at = std::chrono::milliseconds(0)},
                                   /*first=*/1, /*count=*/5);
        CHECK(sum.heights >= 5 * 2);
        CHECK(sum.latest_round == 0);
    }
}

TEST_CASE("nodes agree and go on after loss, reordering, doubling and crashes") {
    const std::size_t nodes = GENERATE(1, 3, 4, 6, 7);
    const auto sum = run_seeds({.nodes = nodes}, /*first=*/1, nodes > 4 ? 40 : 100);
    CHECK(sum.heights > 0);
    if (nodes > 1) CHECK(sum.latest_round > 0);  // or the network was too kind to test a round change
}

TEST_CASE("nodes agree and go on while as many are silent as the protocol bears") {
    // n = 3 bears one crash although its f is 0.
    const auto [nodes, mute] = GENERATE(table<std::size_t, std::size_t>({{3, 1}, {4, 1}, {6, 1}, {7, 2}}));
    const auto sum = run_seeds({.nodes = nodes, .mute = mute}, /*first=*/1000, nodes > 4 ? 30 : 60);
    CHECK(sum.latest_round > 0);
}

/// Everything at once, differently for each seed; FAIRSTREAM_SEEDS and FAIRSTREAM_FIRST_SEED choose how many and which.
TEST_CASE("nodes agree and go on after whatever a seed brings", "[simulation]") {
    const auto first = number_from("FAIRSTREAM_FIRST_SEED", 1);
    const auto count = number_from("FAIRSTREAM_SEEDS", 1500);
    for (auto seed = first; seed < first + count; ++seed) {
        Simulation::Options options;
        options.nodes = std::array<std::size_t, 4>{4, 7, 3, 1}[seed % 4];
        options.loss_percent = static_cast<int>(seed / 4 % 5) * 15;
        options.crash_permille = static_cast<int>(seed / 20 % 4) * 10;
        options.partitions = static_cast<int>(seed / 3 % 6);
        if (options.nodes >= 4) {  // fewer bear no lie
            options.lies = seed / 8 % 2 == 0;
            options.twins = seed / 16 % 2 == 0;
        }
        CHECK(run_seeds(options, seed, 1).heights > 0);
    }
}

TEST_CASE("a member that runs twice under one key cannot split the others") {
    const std::size_t nodes = GENERATE(4, 7);
    const auto sum = run_seeds({.nodes = nodes, .twins = true}, /*first=*/2000, nodes > 4 ? 30 : 100);
    CHECK(sum.heights > 0);
}

TEST_CASE("nodes that lose most messages for long agree when they can talk again") {
    const std::size_t nodes = GENERATE(3, 4, 7);
    run_seeds({.nodes = nodes, .loss_percent = 70, .crash_permille = 20, .heal_at = std::chrono::milliseconds(15'000)},
              /*first=*/3000, 20);
}

}  // namespace
}  // namespace fairstream::tests::ordering
