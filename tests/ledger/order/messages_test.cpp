#include <catch2/catch.hpp>

#include "tests/support/ordering/bench.hpp"

/// What may reach a replica at all: members of this epoch, within bounds, well signed down to every vote that counts.
namespace fairstream::tests::ordering {
namespace {

constexpr std::size_t kNodes = 4;

const ledger::contract::Channel& channel() {
    return *members(kNodes).channel;
}

/// The code of the refusal, or "taken".
std::string verify(const proto::SignedOrderMessage& message) {
    const auto received = order::verify_message(channel(), message, stub_check);
    return received ? "taken" : received.error().code;
}

proto::SignedOrderMessage without_block(proto::SignedOrderMessage message) {
    message.clear_block();
    return message;
}

/// `message` with its body changed and signed again by its own node.
template <typename Change>
proto::SignedOrderMessage changed(const proto::SignedOrderMessage& message, Change change) {
    auto body = *proto::decode<proto::OrderMessage>(message.body());
    change(body);
    proto::SignedOrderMessage out = message;
    out.set_body(body.SerializeAsString());
    out.set_signature(proto::as_field(stub_sign(message.node())(as_bytes(out.body()))));
    return out;
}

TEST_CASE("a vote signed with the member's key is taken, under any other key, channel or body it is not") {
    const auto body = prepare_of(1, 0, Hash{1});
    proto::SignedOrderMessage message = signed_by(channel(), "node2", body);
    const auto input = identity::crypto::signing_input("order/v1", "market", as_bytes(message.body()));
    message.set_signature(proto::as_field(members(kNodes).keys[2].sign(input)));
    CHECK(order::verify_message(channel(), message));

    const auto refused = [](const proto::SignedOrderMessage& one) {
        return order::verify_message(channel(), one).error().code;
    };
    auto other_node = message;
    other_node.set_node("node1");
    CHECK(refused(other_node) == "bad_signature");
    auto other_body = message;
    other_body.set_body(signed_by(channel(), "node2", prepare_of(1, 1, Hash{1})).body());
    CHECK(refused(other_body) == "bad_signature");
    auto elsewhere = message;
    elsewhere.set_signature(
        proto::as_field(order::sign_with(members(kNodes).keys[2], "another")(as_bytes(message.body()))));
    CHECK(refused(elsewhere) == "bad_signature");
    auto own = message;
    own.set_signature(proto::as_field(order::sign_with(members(kNodes).keys[2], "market")(as_bytes(message.body()))));
    CHECK(order::verify_message(channel(), own));
}

TEST_CASE("only members of this config epoch speak", "[S5]") {
    CHECK(verify(signed_by(channel(), "node4", prepare_of(1, 0, Hash{1}))) == "not_a_member");
    const auto vote = signed_by(channel(), "node3", prepare_of(1, 0, Hash{1}));
    CHECK(verify(vote) == "taken");
    CHECK(verify(changed(vote, [](auto& body) { body.set_config_epoch(2); })) == "wrong_epoch");
}

TEST_CASE("what is malformed or out of bounds is refused before it is looked at further") {
    const auto vote = signed_by(channel(), "node3", commit_of(1, 0, Hash{1}));
    auto garbage = vote;
    garbage.set_body("\xff\xff\xff");
    CHECK(verify(garbage) == "malformed");
    CHECK(verify(changed(vote, [](auto& body) { body.clear_commit(); })) == "malformed");
    CHECK(verify(changed(vote, [](auto& body) { body.mutable_commit()->set_height(0); })) == "malformed");
    CHECK(verify(changed(vote, [](auto& body) { body.mutable_commit()->set_round(order::kMaxRound + 1); })) ==
          "malformed");
    CHECK(verify(changed(vote, [](auto& body) { body.mutable_commit()->set_block_hash("short"); })) == "malformed");
    auto large = vote;
    large.set_body(std::string(order::kMaxBodyBytes + 1, 'x'));
    CHECK(verify(large) == "too_large");
    auto laden = vote;
    laden.set_block("a block where none belongs");
    CHECK(verify(laden) == "malformed");
    laden.set_block(std::string(channel().config().limits().max_block_bytes() + (64u << 10), 'x'));
    CHECK(verify(laden) == "too_large");
    auto crowded = signed_by(channel(), "node3", round_change_of(1, 1));
    CHECK(verify(crowded) == "taken");
    CHECK(verify(changed(crowded, [&](auto& body) {
              for (std::size_t i = 0; i <= kNodes; ++i) *body.mutable_round_change()->add_prepares() = vote;
          })) == "malformed");
}

TEST_CASE("a PROPOSE brings the whole block that it names") {
    const Bench node(0);
    const auto a = node.block("a"), b = node.block("b");
    const auto good = node.propose(1, 0, a);
    CHECK(verify(good) == "taken");
    CHECK(verify(without_block(good)) == "malformed");

    auto other = good;
    other.set_block(proto::as_field(b));
    CHECK(verify(other) == "wrong_block");
    auto block = *proto::decode<proto::Block>(a);
    block.set_transactions(0, "not what the header names");
    other.set_block(block.SerializeAsString());
    CHECK(verify(other) == "wrong_block");
    block.clear_transactions();
    other.set_block(block.SerializeAsString());
    CHECK(verify(other) == "wrong_block");
}

TEST_CASE("proofs inside a message are checked like messages") {
    const Bench node(0);
    const auto a = node.block("a");
    const auto prepares = node.prepares(0, a, {1, 2, 3});
    const auto change = node.prepared_round_change(3, 1, 0, a, prepares);
    CHECK(verify(change) == "taken");
    const auto proposed = node.propose(2, 1, a, {change, node.round_changes(1, {1, 2})[0]}, prepares);
    CHECK(verify(proposed) == "taken");

    SECTION("a forged PREPARE in a prepared certificate") {
        auto forged = prepares;
        forged[1].set_signature(prepares[0].signature());
        CHECK(verify(node.prepared_round_change(3, 1, 0, a, forged)) == "bad_signature");
        CHECK(verify(node.propose(2, 1, a, {change}, forged)) == "bad_signature");
    }
    SECTION("a forged ROUND-CHANGE in a PROPOSE") {
        auto forged = change;
        forged.set_node("node1");
        CHECK(verify(node.propose(2, 1, a, {forged}, prepares)) == "bad_signature");
    }
    SECTION("a COMMIT where a PREPARE belongs") {
        CHECK(verify(node.prepared_round_change(3, 1, 0, a, node.commits(0, a, {1, 2, 3}))) == "malformed");
    }
    SECTION("a proof that brings its block along") {
        auto laden = prepares;
        laden[0].set_block(proto::as_field(a));
        CHECK(verify(node.prepared_round_change(3, 1, 0, a, laden)) == "malformed");
    }
    SECTION("a certificate of the round that is only beginning") {
        CHECK(verify(node.prepared_round_change(3, 1, 1, a, node.prepares(1, a, {1, 2, 3}))) == "malformed");
    }
    SECTION("a prepared block that is kept back") {
        CHECK(verify(without_block(change)) == "malformed");
    }
}

TEST_CASE("votes stand in one order: ROUND-CHANGE, PROPOSE, PREPARE, COMMIT, then the next round and height") {
    using order::Position;
    CHECK(Position{1, 0, Step::kCommit} < Position{1, 1, Step::kRoundChange});
    CHECK(Position{1, 1, Step::kRoundChange} < Position{1, 1, Step::kPropose});
    CHECK(Position{1, 1, Step::kPropose} < Position{1, 1, Step::kPrepare});
    CHECK(Position{1, 9, Step::kCommit} < Position{2, 0, Step::kPropose});
    CHECK(order::to_text({5, 2, Step::kPrepare}) == "height 5, round 2, PREPARE");
}

}  // namespace
}  // namespace fairstream::tests::ordering
