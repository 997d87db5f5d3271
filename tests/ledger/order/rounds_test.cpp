/// ROUND-CHANGE, its proofs, and restarts, seen from one node of four (S2, S4, W1, W3, ADR 0005).
#include "tests/support/ordering/bench.hpp"

namespace fairstream::tests::ordering {
namespace {

using Codes = std::vector<std::string>;

/// The node commits `a` in round 0, and nobody else is heard of again.
Bytes commit_alone(Bench& node) {
    const auto a = node.block("a");
    node.hear(node.propose(1, 0, a));
    node.hear(node.prepares(0, a, {1, 2}));
    REQUIRE(node.sent(Step::kCommit).size() == 1);
    return a;
}

TEST_CASE("a ROUND-CHANGE carries the highest prepared certificate and its block", "[S4]") {
    Bench node(0);
    node.start();
    const auto a = commit_alone(node);
    node.time_out();
    REQUIRE(node.sent(Step::kRoundChange).size() == 1);
    const auto change = node.sent(Step::kRoundChange)[0].round_change();
    CHECK(change.round() == 1);
    CHECK(change.prepared());
    CHECK(change.prepared_round() == 0);
    CHECK(change.prepared_block_hash() == name_of(a));
    CHECK(change.prepares_size() == 3);
    CHECK(node.sent()[0].block() == as_text(a));

    // Nothing of an older round is voted for any more (S4).
    node.hear(node.propose(1, 0, a));
    node.hear(node.prepares(0, a, {3}));
    CHECK(node.sent().empty());
}

TEST_CASE("the new leader proposes the prepared block again, as it was", "[S2]") {
    Bench node(2);  // leads round 1
    node.start();
    const auto a = node.block("a");
    node.hear(node.round_changes(1, {1}));
    node.hear(node.prepared_round_change(0, 1, 0, a, node.prepares(0, a, {0, 1, 3})));
    REQUIRE(node.round() == 1);  // joined, and with it there are three
    const auto proposed = node.sent(Step::kPropose);
    REQUIRE(proposed.size() == 1);
    CHECK(proposed[0].propose().block_hash() == name_of(a));
    CHECK(proposed[0].propose().round_changes_size() == 3);
    CHECK(proposed[0].propose().prepares_size() == 3);
    CHECK(node.asked<order::BuildBlock>().empty());

    // What it proposes, another node takes.
    Bench other(0);
    other.start();
    for (const auto& message : node.sent())
        if (!message.block().empty()) other.hear(message);
    CHECK(other.refused().empty());
    CHECK(other.round() == 1);
    CHECK(other.sent(Step::kPrepare).size() == 1);
}

TEST_CASE("of several prepared blocks the new leader takes the one of the highest round", "[S2]") {
    Bench node(3);  // leads round 2
    node.start();
    const auto a = node.block("a", 0), b = node.block("b", 1);
    node.hear(node.prepared_round_change(0, 2, 0, a, node.prepares(0, a, {0, 1, 2})));
    node.hear(node.prepared_round_change(1, 2, 1, b, node.prepares(1, b, {0, 1, 2})));
    REQUIRE(node.sent(Step::kPropose).size() == 1);
    CHECK(node.sent(Step::kPropose)[0].propose().block_hash() == name_of(b));
}

TEST_CASE("with nothing prepared the new leader makes a block, if need be an empty one") {
    Bench node(2);
    node.start();
    node.hear(node.round_changes(1, {0, 1}));
    REQUIRE(node.asked<order::BuildBlock>().size() == 1);
    CHECK(node.asked<order::BuildBlock>()[0].empty_allowed);
    REQUIRE(node.sent(Step::kPropose).size() == 1);
    CHECK(node.sent(Step::kPropose)[0].propose().round_changes_size() == 3);
}

TEST_CASE("a PROPOSE above round 0 is refused unless three distinct members came to that round", "[S2][S5]") {
    Bench node(0);
    node.start();
    const auto b = node.block("b", 1);
    const auto three = node.round_changes(1, {1, 2, 3});
    SECTION("none") {
        node.hear(node.propose(2, 1, b));
    }
    SECTION("two") {
        node.hear(node.propose(2, 1, b, node.round_changes(1, {1, 2})));
    }
    SECTION("one of them twice") {
        node.hear(node.propose(2, 1, b, node.round_changes(1, {1, 2, 2})));
    }
    SECTION("one to another round") {
        node.hear(node.propose(2, 1, b, node.round_changes(1, {1, 2}) + node.round_changes(2, {3})));
    }
    SECTION("PREPAREs that nobody speaks of") {
        node.hear(node.propose(2, 1, b, three, node.prepares(0, b, {1, 2, 3})));
    }
    SECTION("proofs in round 0") {
        const auto a = node.block("a");
        node.hear(node.propose(1, 0, a, three));
    }
    CHECK(node.refused() == Codes{"bad_justification"});
    CHECK(node.sent().empty());
    CHECK(node.round() == 0);
}

TEST_CASE("a PROPOSE must be the highest prepared block, backed by three PREPAREs", "[S2]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a"), b = node.block("b", 1);
    const auto backing = node.prepares(0, a, {1, 2, 3});
    const auto changes = node.round_changes(1, {1, 2}) + Messages{node.prepared_round_change(3, 1, 0, a, backing)};
    SECTION("a fresh block hides it") {
        node.hear(node.propose(2, 1, b, changes));
    }
    SECTION("another block takes its place") {
        node.hear(node.propose(2, 1, b, changes, node.prepares(0, b, {1, 2, 3})));
    }
    SECTION("two PREPAREs are too few") {
        node.hear(node.propose(2, 1, a, changes, node.prepares(0, a, {1, 2})));
    }
    SECTION("one of them twice") {
        node.hear(node.propose(2, 1, a, changes, node.prepares(0, a, {1, 2, 2})));
    }
    SECTION("of another round") {
        node.hear(node.propose(2, 1, a, changes, node.prepares(1, a, {1, 2, 3})));
    }
    SECTION("for another block") {
        node.hear(node.propose(2, 1, a, changes, node.prepares(0, a, {1, 2}) + node.prepares(0, b, {3})));
    }
    SECTION("an older prepared block, where one is of a later round") {
        const auto later = node.prepared_round_change(1, 2, 1, b, node.prepares(1, b, {1, 2, 3}));
        const auto older = node.prepared_round_change(2, 2, 0, a, backing);
        node.hear(node.propose(3, 2, a, node.round_changes(2, {3}) + Messages{later, older}, backing));
    }
    CHECK(node.refused() == Codes{"bad_justification"});
    CHECK(node.sent().empty());

    node.hear(node.propose(2, 1, a, changes, backing));
    CHECK(node.refused().empty());
    CHECK(node.sent(Step::kPrepare).size() == 1);
}

TEST_CASE("a ROUND-CHANGE whose certificate does not hold moves nobody", "[S4][S5]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a"), b = node.block("b");
    node.hear(node.round_changes(1, {1}));
    for (const auto& backing : {Messages{}, node.prepares(0, a, {1, 2}), node.prepares(0, a, {1, 2, 2}),
                                node.prepares(1, a, {1, 2, 3}), node.prepares(0, b, {1, 2, 3})}) {
        node.hear(node.prepared_round_change(2, 2, 0, a, backing));
        CHECK(node.refused() == Codes{"bad_certificate"});
        CHECK(node.round() == 0);
    }
}

TEST_CASE("the highest round that two members have reached is joined, one member's is not") {
    Bench node(0);
    node.start();
    node.hear(node.round_changes(7, {1}));
    CHECK(node.round() == 0);
    CHECK(node.sent().empty());
    node.hear(node.round_changes(3, {2}));
    CHECK(node.round() == 3);
    REQUIRE(node.sent(Step::kRoundChange).size() == 1);
    CHECK(node.sent(Step::kRoundChange)[0].round_change().round() == 3);
    node.hear(node.round_changes(1'000'000, {1}));
    CHECK(node.round() == 3);
}

TEST_CASE("a node that is alone says the same again instead of running ahead") {
    Bench node(0);
    node.start({.any = true});
    node.time_out();
    const auto said = node.sent();
    REQUIRE(said.size() == 1);
    for (int i = 0; i < 5; ++i) {
        node.time_out();
        REQUIRE(node.sent().size() == 1);
        CHECK(node.sent()[0].SerializeAsString() == said[0].SerializeAsString());
        CHECK(node.round() == 1);
        CHECK_FALSE(node.asked<order::FetchBlocks>().empty());
    }
    node.hear(node.round_changes(1, {1, 3}));
    node.time_out();
    CHECK(node.round() == 2);
}

TEST_CASE("timeouts grow by half up to their limit") {
    Bench node(0);
    node.start();
    std::vector<std::int64_t> waits_ms;
    for (std::uint32_t round = 1; round < 9; ++round) {
        node.hear(node.round_changes(round, {1, 3}));
        waits_ms.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(*node.timer - node.now).count());
    }
    CHECK(waits_ms == std::vector<std::int64_t>{600, 900, 1350, 2025, 3000, 3000, 3000, 3000});
}

TEST_CASE("a timer that fires early is set again") {
    Bench node(0);
    node.start({.any = true});
    const auto deadline = node.timer;
    REQUIRE(deadline);
    node.timer.reset();
    node.step(order::Tick{});
    CHECK(node.timer == deadline);
}

TEST_CASE("after a restart a node says the same, byte for byte, and casts no second vote", "[S1][W1]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a"), b = node.block("b");
    node.hear(node.propose(1, 0, a));
    const auto prepare = node.sent();
    SECTION("with a PREPARE, whose block was not yet durable") {
        node.start();
        REQUIRE(node.sent().size() == 1);
        CHECK(node.sent()[0].SerializeAsString() == prepare[0].SerializeAsString());
    }
    SECTION("with a COMMIT") {
        node.hear(node.prepares(0, a, {1, 2}));
        const auto commit = node.sent();
        node.start();
        REQUIRE(node.sent().size() == 2);
        CHECK(node.sent()[0].SerializeAsString() == prepare[0].SerializeAsString());
        CHECK(node.sent()[1].SerializeAsString() == commit[0].SerializeAsString());
    }
    const auto written = node.log.size();
    node.hear(node.propose(1, 0, b));  // the leader equivocates
    node.hear(node.prepares(0, b, {1, 2, 3}));
    CHECK(node.sent().empty());
    CHECK(node.log.size() == written);
}

TEST_CASE("after a restart the ROUND-CHANGE still carries what was prepared before it", "[S4][W2][W3]") {
    Bench node(0);
    node.start();
    const auto a = commit_alone(node);
    SECTION("restarted before the round change") {
        node.start();
        node.time_out();
    }
    SECTION("restarted after it") {
        node.time_out();
        const auto said = node.sent();
        node.start();
        REQUIRE(node.sent().size() == 1);
        CHECK(node.sent()[0].SerializeAsString() == said[0].SerializeAsString());
    }
    SECTION("restarted on blocks older than the votes") {
        // Height 1 is fetched, and the votes of height 2 are taken up when it begins.
        Bench late(0);
        late.start();
        order::CaughtUp fetched{a, {}};
        fetched.certificate.set_height(1);
        fetched.certificate.set_block_hash(name_of(a));
        for (const auto& one : late.commits(0, a, {1, 2, 3})) *fetched.certificate.add_commits() = one;
        late.step(fetched);
        late.apply();
        const auto b = proto::encode(block_on(late.channel(), late.tip, 0, {"b"}, 0));
        late.hear(late.propose(2, 0, b));
        late.hear(late.prepares(0, b, {1, 2}));
        REQUIRE(late.sent(Step::kCommit).size() == 1);

        late.tip = genesis_tip(late.channel());
        late.start();
        CHECK(late.sent().empty());
        late.hear(late.propose(1, 0, late.block("c")));
        CHECK(late.sent().empty());  // it has voted above
        late.step(fetched);
        late.apply();
        CHECK(late.sent(Step::kCommit).size() == 1);
        late.time_out();
        REQUIRE(late.sent(Step::kRoundChange).size() == 1);
        CHECK(late.sent(Step::kRoundChange)[0].round_change().prepared_block_hash() == name_of(b));
        return;
    }
    REQUIRE(node.sent(Step::kRoundChange).size() == 1);
    CHECK(node.sent(Step::kRoundChange)[0].round_change().prepared_block_hash() == name_of(a));
    CHECK(node.sent()[0].block() == as_text(a));
}

/// The channel with the next epoch's config: without the last member.
std::shared_ptr<const ledger::contract::Channel> without_last(const Bench& node) {
    auto config = node.channel().config();
    config.set_epoch(2);
    config.mutable_nodes()->RemoveLast();
    return ledger::contract::Channel::make(proto::encode(config)).value();
}

TEST_CASE("in a new config epoch votes of the old one count no more", "[S5]") {
    Bench node(0);
    node.start();
    const auto a = commit_alone(node);
    node.hear(node.commits(0, a, {1, 2}));
    REQUIRE(node.asked<order::Decided>().size() == 1);
    // A PROPOSE that was checked under the old config, and kept for the next height.
    const auto tip = tip_after(node.channel(), node.tip, *proto::decode<proto::Block>(a));
    const auto b = proto::encode(block_on(node.channel(), tip, 0, {"b"}, 0));
    auto early = signed_by(node.channel(), node_name(2), propose_of(2, 0, *order::hash_of(b)));
    early.set_block(proto::as_field(b));
    node.hear(early);
    node.tip = tip;
    node.step(order::Applied{tip, {}, without_last(node)});
    node.hear(early);
    node.hear(node.prepares(0, b, {1, 2}));
    CHECK(node.sent().empty());
    CHECK(node.replica_height() == 2);
}

TEST_CASE("what a member claimed that the config no longer has keeps nobody asking for blocks", "[S5]") {
    Bench node(0);
    node.start();
    node.hear(signed_by(node.channel(), node_name(3), prepare_of(1'000'000, 0, Hash{1})));
    const auto a = commit_alone(node);
    node.hear(node.commits(0, a, {1, 2}));
    node.tip = tip_after(node.channel(), node.tip, *proto::decode<proto::Block>(a));
    // Of three members none may lie: one that is said to be ahead would be believed.
    node.step(order::Applied{node.tip, {}, without_last(node)});
    while (node.timer && *node.timer < std::chrono::milliseconds(300)) {
        node.time_out();
        CHECK(node.asked<order::FetchBlocks>().empty());
    }
}

TEST_CASE("a member that the config no longer has votes no more, and follows", "[S5]") {
    Bench node(3);
    node.start();
    const auto a = commit_alone(node);
    node.hear(node.commits(0, a, {1, 2}));
    node.tip = tip_after(node.channel(), node.tip, *proto::decode<proto::Block>(a));
    node.step(order::Applied{node.tip, {.any = true, .full_block = true}, without_last(node)});
    CHECK(node.sent().empty());
    for (int i = 0; i < 3 && node.timer; ++i) {
        node.time_out();
        CHECK(node.sent().empty());
        CHECK(node.asked<order::BuildBlock>().empty());
    }
}

}  // namespace
}  // namespace fairstream::tests::ordering
