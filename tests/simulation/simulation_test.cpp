#include <catch2/catch.hpp>

#include "tests/simulation/harness/simulation.hpp"

/// What must hold in particular worlds; whatever else a seed brings is `simulate`'s (tests.cmake, `./dev sim`).
namespace fairstream::tests::simulation {
namespace {

using namespace std::chrono_literals;

struct Sum {
    std::uint64_t heights = 0;
    std::size_t messages = 0;
    std::size_t conflicts = 0;
    std::uint32_t latest_round = 0;
    std::uint64_t epochs = 0;  // above the first
    int new_keys = 0;          // for members that could vote no more
    std::map<std::string, int> crashes;
};

Sum run_seeds(Options options, std::uint64_t first, std::uint64_t count) {
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
        sum.conflicts += simulation.conflicts();
        sum.latest_round = std::max(sum.latest_round, simulation.latest_round());
        sum.epochs += simulation.epoch() - 1;
        sum.new_keys += simulation.new_keys();
        for (const auto& [where, times] : simulation.crashes()) sum.crashes[where] += times;
    }
    return sum;
}

Options kind_world(std::size_t nodes) {
    Options options;
    options.nodes = nodes;
    options.loss_percent = 0;
    options.double_percent = 0;
    options.crash_permille = 0;
    options.heal_at = 0ms;
    return options;
}

Options options_for(std::size_t nodes, std::vector<Fault> faults = {}) {
    Options options;
    options.nodes = nodes;
    options.faults = std::move(faults);
    return options;
}

TEST_CASE("on a kind network every height is decided in round 0, and then there is silence") {
    for (const std::size_t nodes : {1, 3, 4, 6, 7}) {
        const auto sum = run_seeds(kind_world(nodes), /*first=*/1, /*count=*/5);
        CHECK(sum.heights >= 5 * 2);
        CHECK(sum.latest_round == 0);
    }
}

TEST_CASE("a dead member costs no more than a round in many heights") {
    auto options = kind_world(4);
    options.faults = {Fault::kMute};
    options.transactions = 60;
    options.seed = 3;
    Simulation simulation(options);
    simulation.run();
    CHECK(simulation.height() > 32);
    // A message of a height is one of three kinds from three members to three; what a lost round adds is little.
    CHECK(simulation.messages() < simulation.height() * 24);
}

TEST_CASE("nodes agree and go on after loss, reordering, doubling, partitions and crashes") {
    const std::size_t nodes = GENERATE(1, 3, 4, 6, 7);
    auto options = options_for(nodes);
    options.partitions = 3;
    const auto sum = run_seeds(options, /*first=*/1, nodes > 4 ? 10 : 25);
    CHECK(sum.heights > 0);
    if (nodes > 1) CHECK(sum.latest_round > 0);  // or the network was too kind to test a round change
}

TEST_CASE("nodes agree and go on while as many are silent as the protocol bears") {
    // n = 3 bears one crash although its f is 0.
    const auto [nodes, mute] = GENERATE(table<std::size_t, std::size_t>({{3, 1}, {4, 1}, {6, 1}, {7, 2}}));
    const auto sum = run_seeds(options_for(nodes, std::vector(mute, Fault::kMute)), /*first=*/1000, 10);
    CHECK(sum.latest_round > 0);
}

TEST_CASE("nodes agree and go on whatever one member, or two of seven, do") {
    const auto fault =
        GENERATE(Fault::kHostile, Fault::kMutant, Fault::kTwins, Fault::kOldDisk, Fault::kOldLog, Fault::kBadClock);
    CHECK(run_seeds(options_for(4, {fault}), /*first=*/2000, 15).heights > 0);
    CHECK(run_seeds(options_for(7, {fault, Fault::kHostile}), /*first=*/2000, 4).heights > 0);
}

TEST_CASE("nodes agree and go on while members join, leave and get new keys") {
    auto options = options_for(GENERATE(1, 3, 4, 7));
    options.changes = 3;
    const auto kind = run_seeds(options, /*first=*/4000, 6);
    CHECK(kind.epochs >= 6 * 2);
    options.partitions = 3;
    options.crash_permille = 25;
    if (options.nodes >= 4)
        options.faults = {GENERATE(Fault::kHostile, Fault::kMutant, Fault::kTwins, Fault::kOldDisk, Fault::kOldLog)};
    CHECK(run_seeds(options, /*first=*/4000, 6).epochs >= 6);
}

TEST_CASE("a member that may vote no more votes again once the config lists its new key") {
    auto options = options_for(4, {Fault::kOldLog});
    options.changes = 3;
    CHECK(run_seeds(options, /*first=*/5000, 20).new_keys > 0);
}

TEST_CASE("nodes that lose most messages for long agree when they can talk again") {
    auto options = options_for(GENERATE(3, 4, 7));
    options.loss_percent = 70;
    options.crash_permille = 20;
    options.heal_at = 15'000ms;
    CHECK(run_seeds(options, /*first=*/3000, 5).heights > 0);
}

TEST_CASE("every point of making something durable is crashed at, and accounts are contested") {
    auto options = options_for(4);
    options.crash_permille = 30;
    const auto sum = run_seeds(options, /*first=*/1, 80);
    for (int crash = 0; crash < kVoteCrashes; ++crash)
        CHECK(sum.crashes.count(std::string("votes: ") + name_of(static_cast<VoteCrash>(crash))) == 1);
    for (const auto* where : {"votes: some sent", "votes: after the cut", "block: before the append",
                              "block: after the append", "state: after the write"})
        CHECK(sum.crashes.count(where) == 1);
    CHECK(sum.conflicts > 0);
}

TEST_CASE("one seed is one run") {
    const auto run = [&](std::uint64_t seed) {
        Simulation simulation(options_of(seed));
        simulation.run();
        return std::tuple(simulation.height(), simulation.messages(), simulation.conflicts(), simulation.crashes());
    };
    CHECK(run(42) == run(42));
    CHECK(run(42) != run(43));
}

}  // namespace
}  // namespace fairstream::tests::simulation
