#include "ledger/order/evidence.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "tests/support/ordering/bench.hpp"
#include "tests/support/temporary_folder.hpp"

/// A member's two votes for one place (S1): found, kept, and proved to anybody.
namespace fairstream::tests::ordering {
namespace {

using order::DoubleVote;
using order::EvidenceStore;
using order::Position;

constexpr std::size_t kNodes = 4;

/// Signed with the member's real key.
proto::SignedOrderMessage really_signed(std::size_t node, proto::OrderMessage body) {
    auto message = signed_by(*members(kNodes).channel, node_name(node), std::move(body));
    const auto sign = order::sign_with(members(kNodes).keys[node], "market");
    message.set_signature(proto::as_field(sign(as_bytes(message.body()))));
    return message;
}

DoubleVote two_prepares(std::uint64_t height, std::size_t node = 2) {
    return {really_signed(node, prepare_of(height, 0, Hash{1})), really_signed(node, prepare_of(height, 0, Hash{2}))};
}

TEST_CASE("a member that votes twice for one place is shown with both votes", "[S1]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a"), b = node.block("b");
    const auto shown = [&] {
        std::vector<Position> out;
        for (const auto& proof : node.asked<DoubleVote>()) {
            const auto first = proto::decode<proto::OrderMessage>(proof.first.body());
            const auto second = proto::decode<proto::OrderMessage>(proof.second.body());
            CHECK(order::position_of(*first) == order::position_of(*second));
            CHECK(proof.first.body() != proof.second.body());
            CHECK(proof.first.node() == proof.second.node());
            CHECK((proof.first.block().empty() && proof.second.block().empty()));
            out.push_back(order::position_of(*first));
        }
        return out;
    };
    SECTION("PROPOSE") {
        node.hear(node.propose(1, 0, a));
        node.hear(node.propose(1, 0, b));
        CHECK(shown() == std::vector<Position>{{1, 0, Step::kPropose}});
        CHECK(node.asked<DoubleVote>()[0].first.node() == "node1");
    }
    SECTION("PREPARE") {
        node.hear(node.prepares(0, a, {2}) + node.prepares(0, b, {2}));
        CHECK(shown() == std::vector<Position>{{1, 0, Step::kPrepare}});
    }
    SECTION("COMMIT") {
        node.hear(node.commits(0, a, {3}) + node.commits(0, b, {3}));
        CHECK(shown() == std::vector<Position>{{1, 0, Step::kCommit}});
    }
    SECTION("ROUND-CHANGE") {
        node.hear(node.round_changes(1, {3}) +
                  Messages{node.prepared_round_change(3, 1, 0, a, node.prepares(0, a, {1, 2, 3}))});
        CHECK(shown() == std::vector<Position>{{1, 1, Step::kRoundChange}});
    }
    SECTION("the same vote twice is the network's doing") {
        node.hear(node.prepares(0, a, {2, 2}) + node.commits(0, a, {2, 2}) + node.round_changes(1, {2, 2}));
        CHECK(shown().empty());
    }
}

TEST_CASE("evidence convinces who holds the channel config, and nothing less does") {
    const auto& channel = *members(kNodes).channel;
    const auto good = two_prepares(5);
    const auto accusation = order::check_evidence(channel, good);
    REQUIRE(accusation);
    CHECK(accusation->node == "node2");
    CHECK(accusation->at == Position{5, 0, Step::kPrepare});

    const auto refused = [&](const DoubleVote& proof) { return order::check_evidence(channel, proof).error().code; };
    CHECK(refused({good.first, good.first}) == "no_evidence");
    CHECK(refused({good.first, two_prepares(6).second}) == "no_evidence");
    CHECK(refused({good.first, two_prepares(5, 1).second}) == "no_evidence");
    auto forged = good;
    forged.second.set_node("node1");
    CHECK(refused(forged) == "bad_signature");
    forged = good;
    forged.second.mutable_signature()->at(3) ^= 1;
    CHECK(refused(forged) == "bad_signature");
    forged.second.set_node("node7");
    CHECK(refused(forged) == "not_a_member");
}

TEST_CASE("evidence survives a restart, is kept once, and is bounded for each member") {
    const TemporaryFolder folder;
    {
        auto store = EvidenceStore::open(folder / "evidence");
        REQUIRE(store);
        CHECK(store->keep(two_prepares(1)).value());
        CHECK_FALSE(store->keep(two_prepares(1)).value());
        for (std::uint64_t height = 2; height <= 16; ++height) CHECK(store->keep(two_prepares(height)).value());
        CHECK_FALSE(store->keep(two_prepares(17)).value());
        CHECK(store->keep(two_prepares(17, 3)).value());
    }
    auto store = EvidenceStore::open(folder / "evidence");
    REQUIRE(store);
    CHECK_FALSE(store->keep(two_prepares(1)).value());
    CHECK_FALSE(store->keep(two_prepares(18)).value());
    REQUIRE(base::write_file(folder / "evidence" / "junk.proof", as_bytes("junk")));
    const auto read = EvidenceStore::read(folder / "evidence");
    REQUIRE(read);
    CHECK(read->size() == 17);
    for (const auto& proof : *read) CHECK(order::check_evidence(*members(kNodes).channel, proof));
    CHECK(EvidenceStore::read(folder / "none")->empty());
}

}  // namespace
}  // namespace fairstream::tests::ordering
