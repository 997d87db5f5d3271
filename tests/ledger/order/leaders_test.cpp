#include <catch2/catch.hpp>

#include "tests/support/ordering/bench.hpp"

/// Who leads, and who is skipped for a while (ADR 0007).
namespace fairstream::tests::ordering {
namespace {

using order::Absences;

proto::BlockHeader header(std::uint64_t height, std::uint32_t round, const Absences& absences, std::size_t nodes = 4) {
    proto::BlockHeader out;
    out.set_height(height);
    out.set_round(round);
    out.set_proposer(order::leader(*members(nodes).channel, absences, height, round));
    return out;
}

/// The absences after a block at `height` that was first proposed in `round`.
Absences after(const Absences& before, std::uint64_t height, std::uint32_t round, std::size_t nodes = 4) {
    return order::absences_after(*members(nodes).channel, before, header(height, round, before, nodes));
}

std::vector<std::string> leaders(const Absences& absences, std::uint64_t height, std::uint32_t rounds,
                                 std::size_t nodes = 4) {
    std::vector<std::string> out;
    for (std::uint32_t round = 0; round < rounds; ++round)
        out.push_back(order::leader(*members(nodes).channel, absences, height, round));
    return out;
}

TEST_CASE("members lead by turns, in voting order") {
    CHECK(leaders({}, 1, 5) == std::vector<std::string>{"node1", "node2", "node3", "node0", "node1"});
    CHECK(leaders({}, 2, 1) == std::vector<std::string>{"node2"});
}

TEST_CASE("who let its round pass does not lead for 32 heights, and then 64 if it fails again") {
    auto absences = after({}, /*height=*/1, /*round=*/1);
    CHECK(absences == Absences{{"node1", 33, 32}});
    for (std::uint64_t height = 2; height <= 33; ++height) {
        for (const auto& name : leaders(absences, height, 3)) CHECK(name != "node1");
        CHECK(after(absences, height, 0) == absences);
    }
    // Everyone else has had a turn: now it is its own, so that no height can stop for good.
    const auto all = leaders(absences, 2, 7);
    CHECK(std::count(all.begin() + 3, all.end(), "node1") == 1);

    REQUIRE(order::leader(*members(4).channel, absences, 37, 0) == "node1");
    CHECK(after(absences, 37, 0).empty());  // it proposed: forgiven
    absences = after(absences, 37, 1);
    CHECK(absences == Absences{{"node1", 37 + 64, 64}});
}

TEST_CASE("absences grow to 4096 heights and no further") {
    Absences absences{{"node1", 10, 4096}};
    std::uint64_t height = 11;
    while (order::leader(*members(4).channel, absences, height, 0) != "node1") ++height;
    CHECK(after(absences, height, 1)[0].until == height + 4096);
}

TEST_CASE("a dead member costs a round nine times in ten thousand heights, not twenty-five hundred times") {
    Absences absences;
    int lost_rounds = 0;
    for (std::uint64_t height = 1; height <= 10'000; ++height) {
        std::uint32_t round = 0;
        while (order::leader(*members(4).channel, absences, height, round) == "node2") ++round;
        lost_rounds += static_cast<int>(round);
        absences = after(absences, height, round);
    }
    CHECK(lost_rounds == 9);
}

TEST_CASE("at most n - q members are skipped, those that failed last") {
    Absences absences = after({}, 1, 1);
    absences = after(absences, 2, 2);
    REQUIRE(absences.size() >= 2);
    CHECK(std::set<std::string>([&] {
              const auto names = leaders(absences, 3, 3);
              return std::set<std::string>(names.begin(), names.end());
          }())
              .size() == 3);
    const Absences all{{"node0", 40, 32}, {"node1", 41, 32}, {"node2", 42, 32}, {"node3", 43, 32}};
    CHECK(leaders(all, 4, 3) == std::vector<std::string>{"node1", "node2", "node0"});
    // Of three one may be away, of two nobody.
    CHECK(leaders({{"node0", 40, 32}}, 3, 2, 3) == std::vector<std::string>{"node2", "node1"});
    CHECK(leaders({{"node0", 40, 32}}, 2, 2, 2) == std::vector<std::string>{"node0", "node1"});
}

TEST_CASE("who is no member any more is forgotten") {
    CHECK(after({{"node9", 100, 32}}, 5, 0).empty());
}

TEST_CASE("absences read back as they were written, and anything else is damage") {
    const Absences absences{{"node1", 33, 32}, {"node3", 1'000'000, 4096}};
    const auto bytes = order::encode_absences(absences);
    CHECK(order::decode_absences(bytes).value() == absences);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto torn = order::decode_absences(ByteView(bytes).first(size));
        CHECK((!torn || torn->size() < 2));
    }
    CHECK(order::decode_absences(to_bytes(std::string_view("\xff\xff\xff\xff junk of some length"))).error().code ==
          "damaged");
}

}  // namespace
}  // namespace fairstream::tests::ordering
