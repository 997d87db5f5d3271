/// PROPOSE, PREPARE, COMMIT and the decision, seen from one node of four (S1-S3, S6, W1, W2).
#include "tests/support/ordering/bench.hpp"

namespace fairstream::tests::ordering {
namespace {

using Codes = std::vector<std::string>;

TEST_CASE("a block is prepared, committed and decided by three of four", "[S2][S3][S6]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    node.hear(node.propose(1, 0, a));
    REQUIRE(node.sent(Step::kPrepare).size() == 1);
    CHECK(node.sent(Step::kPrepare)[0].prepare().block_hash() == name_of(a));

    node.hear(node.prepares(0, a, {1}));
    CHECK(node.sent().empty());
    node.hear(node.prepares(0, a, {2}));
    REQUIRE(node.sent(Step::kCommit).size() == 1);

    node.hear(node.commits(0, a, {1}));
    CHECK(node.asked<order::Decided>().empty());
    node.hear(node.commits(0, a, {3}));
    const auto decided = node.asked<order::Decided>();
    REQUIRE(decided.size() == 1);
    CHECK(decided[0].block == a);
    CHECK(decided[0].certificate.commits_size() == 3);
    CHECK(decided[0].certificate.block_hash() == name_of(a));
}

TEST_CASE("block and certificate are durable before COMMIT is sent", "[W1][W2][S3]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    node.hear(node.propose(1, 0, a));
    node.hear(node.prepares(0, a, {1}));
    const auto before = node.log.size();
    node.hear(node.prepares(0, a, {2}));
    REQUIRE(node.sent(Step::kCommit).size() == 1);
    REQUIRE(node.log.size() > before);
    for (std::size_t i = 0; i < node.log.size() - before; ++i)
        CHECK(std::holds_alternative<order::Persist>(node.done[i]));  // ahead of all that is sent
    const auto recovered = order::recover(node.log).value();
    REQUIRE(recovered.prepared);
    CHECK(recovered.prepared->prepares.size() == 3);
    CHECK(recovered.blocks.at(recovered.prepared->block_hash) == a);
    CHECK(recovered.last == order::Position{1, 0, Step::kCommit});
}

TEST_CASE("a member's second, different vote is refused and counts for nothing", "[S1][S5]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a"), b = node.block("b");
    node.hear(node.propose(1, 0, a));
    node.hear(node.prepares(0, a, {1}));
    node.hear(node.prepares(0, b, {2}));
    node.hear(node.prepares(0, a, {2}));
    CHECK(node.refused() == Codes{"double_vote"});
    CHECK(node.sent().empty());  // no COMMIT on node0, node1 and a liar's second thought
    node.hear(node.prepares(0, a, {1}));
    CHECK(node.sent().empty());  // nor on the same vote twice
    node.hear(node.prepares(0, a, {3}));
    REQUIRE(node.sent(Step::kCommit).size() == 1);

    node.hear(node.commits(0, b, {2}) + node.commits(0, a, {2}));
    CHECK(node.refused() == Codes{"double_vote"});
    node.hear(node.commits(0, a, {1}));
    CHECK(node.asked<order::Decided>().empty());
    node.hear(node.commits(0, a, {3}));
    CHECK(node.asked<order::Decided>().size() == 1);
}

TEST_CASE("a leader's second PROPOSE is refused, and this node prepares once", "[S1]") {
    Bench node(0);
    node.start();
    node.hear(node.propose(1, 0, node.block("a")));
    CHECK(node.sent(Step::kPrepare).size() == 1);
    node.hear(node.propose(1, 0, node.block("b")));
    CHECK(node.refused() == Codes{"double_vote"});
    CHECK(node.sent().empty());
    node.hear(node.propose(1, 0, node.block("a")));  // the network doubles messages
    CHECK(node.refused().empty());
    CHECK(node.sent().empty());
}

TEST_CASE("nothing is prepared for the wrong leader, on another parent, or under another's name", "[S2]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    SECTION("wrong leader") {
        node.hear(node.propose(2, 0, a));
        CHECK(node.refused() == Codes{"not_leader"});
    }
    SECTION("wrong parent") {
        auto parent = node.tip;
        parent.hash[0] ^= 1;
        node.hear(node.propose(1, 0, proto::encode(block_on(node.channel(), parent, 0, {"a"}, 0))));
        CHECK(node.refused() == Codes{"bad_parent"});
    }
    SECTION("a header that names another proposer") {
        auto block = *proto::decode<proto::Block>(a);
        auto header = *proto::decode<proto::BlockHeader>(block.header());
        header.set_proposer(node_name(3));
        block.set_header(header.SerializeAsString());
        node.hear(node.propose(1, 0, proto::encode(block)));
        CHECK(node.refused() == Codes{"wrong_block"});
    }
    SECTION("a fresh block that claims to be of an earlier round and leader") {
        node.hear(node.propose(2, 1, a, node.round_changes(1, {1, 2, 3})));
        CHECK(node.refused() == Codes{"wrong_block"});
    }
    SECTION("what fails the deterministic checks") {
        node.verdict = fail("wrong_outcomes", "these are not this node's");
        node.hear(node.propose(1, 0, a));
        CHECK(node.refused() == Codes{"wrong_block"});
        node.hear(node.prepares(0, a, {1, 2, 3}));  // others may; this one does not vouch for it
    }
    CHECK(node.sent().empty());
    CHECK(node.log.empty());
}

TEST_CASE("what claims to be this node's own vote is nobody's") {
    Bench node(1);  // leads round 0
    node.start();
    const auto a = node.block("a");
    node.hear(node.propose(1, 0, a));
    node.hear(node.prepares(0, a, {0, 1, 2}));
    CHECK(node.sent().empty());
    node.pool = {"b"};
    node.step(order::WaitingChanged{{.any = true}});
    if (node.sent().empty()) node.time_out();
    REQUIRE(node.sent(Step::kPropose).size() == 1);
    CHECK(node.sent(Step::kPropose)[0].propose().block_hash() == name_of(node.block("b")));
}

TEST_CASE("COMMITs that come before the block decide when it comes", "[S6]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    node.hear(node.commits(0, a, {1, 2, 3}));
    CHECK(node.asked<order::Decided>().empty());
    CHECK_FALSE(node.asked<order::FetchBlocks>().empty());
    node.hear(node.propose(1, 0, a));
    CHECK(node.asked<order::Decided>().size() == 1);
}

TEST_CASE("COMMITs of an older round decide", "[S6]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    node.hear(node.propose(1, 0, a));
    node.hear(node.prepares(0, a, {1, 2}));
    node.hear(node.round_changes(2, {1, 2}));
    REQUIRE(node.round() == 2);
    node.hear(node.commits(0, a, {1, 2}));
    const auto decided = node.asked<order::Decided>();
    REQUIRE(decided.size() == 1);
    CHECK(decided[0].certificate.round() == 0);
    CHECK(decided[0].block == a);
}

TEST_CASE("COMMITs of different rounds do not add up", "[S6]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    node.hear(node.propose(1, 0, a));
    node.hear(node.commits(0, a, {1, 2}) + node.commits(1, a, {3}));
    CHECK(node.asked<order::Decided>().empty());
}

TEST_CASE("a late node takes a fetched block only with the COMMITs of three distinct members", "[S5][S6]") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    order::CaughtUp fetched{a, {}};
    fetched.certificate.set_height(1);
    fetched.certificate.set_round(3);
    fetched.certificate.set_block_hash(name_of(a));
    const auto certify = [&](const Messages& commits) {
        fetched.certificate.clear_commits();
        for (const auto& one : commits) *fetched.certificate.add_commits() = one;
    };
    for (const auto& too_few : {node.commits(3, a, {1, 2}), node.commits(3, a, {1, 2, 2}),
                                node.commits(3, a, {1, 2}) + node.commits(2, a, {3}), node.prepares(3, a, {1, 2, 3})}) {
        certify(too_few);
        node.step(fetched);
        CHECK(node.refused() == Codes{"bad_certificate"});
        CHECK(node.asked<order::Decided>().empty());
    }
    certify(node.commits(3, a, {1, 2, 3}));
    auto other = fetched;
    other.block = node.block("b");
    node.step(other);
    CHECK(node.refused() == Codes{"wrong_block"});

    node.step(fetched);
    REQUIRE(node.asked<order::Decided>().size() == 1);
    node.apply();
    CHECK(node.replica_height() == 2);
    node.step(fetched);  // again: of no use any more
    CHECK(node.asked<order::Decided>().empty());
}

TEST_CASE("messages of the next height wait for it") {
    Bench node(0);
    node.start();
    const auto a = node.block("a");
    node.hear(node.propose(1, 0, a));
    node.hear(node.prepares(0, a, {1, 2}));
    const auto b = proto::encode(
        block_on(node.channel(), tip_after(node.channel(), node.tip, *proto::decode<proto::Block>(a)), 0, {"b"}, 0));
    auto early = signed_by(node.channel(), node_name(2), propose_of(2, 0, *order::hash_of(b)));
    early.set_block(proto::as_field(b));
    node.hear(early);
    CHECK(node.sent().empty());
    node.hear(node.commits(0, a, {1, 2}));
    node.apply();
    REQUIRE(node.sent(Step::kPrepare).size() == 1);
    CHECK(node.sent(Step::kPrepare)[0].prepare().height() == 2);
}

TEST_CASE("one empty block seals the last one, and then there is silence") {
    Bench node(0, /*nodes=*/1);
    node.pool = {"a"};
    node.start({.any = true});
    if (node.asked<order::Decided>().empty()) node.time_out();
    node.pool.clear();
    const auto applied_at = node.now;
    node.apply();
    REQUIRE(node.timer);
    CHECK(*node.timer == applied_at + std::chrono::milliseconds(50));
    node.time_out();
    const auto sealing = node.asked<order::Decided>();
    REQUIRE(sealing.size() == 1);
    CHECK(proto::decode<proto::Block>(sealing[0].block)->transactions_size() == 0);
    node.timer.reset();
    node.apply();
    CHECK_FALSE(node.timer);
    CHECK(node.sent().empty());
}

}  // namespace
}  // namespace fairstream::tests::ordering
