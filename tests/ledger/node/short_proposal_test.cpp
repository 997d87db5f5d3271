// Proposals that name their transactions instead of carrying them.
#include "ledger/node/short_proposal.hpp"

#include <catch2/catch.hpp>

#include <atomic>

#include "base/clock.hpp"
#include "identity/crypto/merkle.hpp"
#include "ledger/client/proposal.hpp"
#include "ledger/node/transaction_frame.hpp"
#include "tests/ledger/node/cluster.hpp"
#include "tests/support/consortium.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using identity::crypto::Hash;
using identity::crypto::merkle_leaf;
using ledger::node::ShortProposal;

namespace {

Bytes frame(const std::vector<Bytes>& transactions) {
    return ledger::node::frame_of(transactions);
}

Bytes transaction(char name) {
    return Bytes(100, static_cast<std::uint8_t>(name));
}

proto::SignedOrderMessage proposal_of(const std::vector<Bytes>& transactions, const std::string& node = "node3") {
    proto::Block block;
    proto::BlockHeader header;
    header.set_channel("test");
    header.set_height(5);
    block.set_header(header.SerializeAsString());
    for (const auto& one : transactions) block.add_transactions(proto::as_field(one));
    proto::OrderMessage body;
    body.set_config_epoch(1);
    body.mutable_propose()->set_height(5);
    body.mutable_propose()->set_block_hash(proto::as_field(crypto::sha256(as_bytes(block.header()))));
    proto::SignedOrderMessage message;
    message.set_node(node);
    message.set_body(body.SerializeAsString());
    message.set_signature(std::string(64, 's'));
    message.set_block(block.SerializeAsString());
    return message;
}

struct Fixture {
    Consortium market{{.organisations = 4}, {}};
    std::map<Hash, std::shared_ptr<const Bytes>> known;

    void know(const Bytes& bytes) { known[merkle_leaf(bytes)] = std::make_shared<const Bytes>(bytes); }
    ShortProposal::Find finder() {
        return [this](const Hash& leaf) {
            const auto found = known.find(leaf);
            return found == known.end() ? std::shared_ptr<const Bytes>() : found->second;
        };
    }
    ShortProposal taken(const std::vector<Bytes>& transactions) {
        const auto sent = ledger::node::shorten(proposal_of(transactions));
        REQUIRE(sent);
        return value_of(ShortProposal::take("node3", proto::encode(*sent)));
    }
    static std::string refusal(const proto::ShortProposal& sent) {
        return code(ShortProposal::take("node3", proto::encode(sent)));
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a proposal sent short is the same again once its transactions are found") {
    const std::vector<Bytes> all = {transaction('a'), transaction('b'), transaction('a'), transaction('c')};
    const auto whole = proposal_of(all);
    CHECK(ledger::node::shorten(whole)->ByteSizeLong() < 400);
    auto proposal = taken(all);
    CHECK(proposal.config_epoch() == 1);
    CHECK(proposal.missing().size() == 3);
    know(transaction('b'));
    REQUIRE(proposal.fill(market.channel(), finder()));
    CHECK(proposal.missing() == std::vector{merkle_leaf(all[0]), merkle_leaf(all[3])});
    REQUIRE(proposal.add(market.channel(), frame({all[0], all[3]})));
    REQUIRE(proposal.missing().empty());
    CHECK(std::move(proposal).whole().SerializeAsString() == whole.SerializeAsString());
}

TEST_CASE_METHOD(Fixture, "only a PROPOSE of a block with transactions is sent short") {
    CHECK_FALSE(ledger::node::shorten(proposal_of({})));
    auto without = proposal_of({transaction('a')});
    without.clear_block();
    CHECK_FALSE(ledger::node::shorten(without));
    auto prepared = proposal_of({transaction('a')});
    proto::OrderMessage body;
    body.mutable_round_change()->set_prepared(true);
    body.SerializeToString(prepared.mutable_body());
    CHECK_FALSE(ledger::node::shorten(prepared));
}

TEST_CASE_METHOD(Fixture, "a short proposal that cannot be one is refused") {
    const auto good = *ledger::node::shorten(proposal_of({transaction('a')}));
    CHECK(refusal(good) == "ok");
    CHECK(code(ShortProposal::take("node2", proto::encode(good))) == "malformed");  // of another than its sender
    CHECK(code(ShortProposal::take("node3", Bytes{0xff})) == "malformed");
    auto bad = good;
    bad.mutable_message()->set_block("a block");
    CHECK(refusal(bad) == "malformed");
    bad = good;
    bad.clear_leaves();
    CHECK(refusal(bad) == "malformed");
    bad = good;
    bad.mutable_leaves()->pop_back();
    CHECK(refusal(bad) == "malformed");
    bad = good;
    proto::OrderMessage vote;
    vote.mutable_prepare()->set_height(5);
    vote.SerializeToString(bad.mutable_message()->mutable_body());
    CHECK(refusal(bad) == "malformed");
    bad = good;
    bad.mutable_message()->set_body(std::string(ledger::order::kMaxBodyBytes + 1, 'x'));
    CHECK(refusal(bad) == "too_large");
}

TEST_CASE_METHOD(Fixture, "a few bytes do not become a block beyond the channel's limits") {
    const auto& limits = market.channel().config().limits();
    const Bytes large(limits.max_block_bytes() / 4 + 1, 7);
    know(large);
    auto repeated = taken({large});
    REQUIRE(repeated.fill(market.channel(), finder()));
    repeated = taken({large, large, large, large});
    CHECK(code(repeated.fill(market.channel(), finder())) == "too_large");
    known.clear();
    repeated = taken({large, large, large, large});
    CHECK(code(repeated.add(market.channel(), frame({large}))) == "too_large");
    auto many = taken(std::vector<Bytes>(limits.max_block_transactions() + 1, transaction('a')));
    CHECK(code(many.fill(market.channel(), finder())) == "too_large");
}

TEST_CASE_METHOD(Fixture, "an answer with other transactions than were asked for is refused") {
    const std::vector<Bytes> all = {transaction('a'), transaction('b')};
    const auto answered = [&](const std::vector<Bytes>& with) {
        auto proposal = taken(all);
        return code(proposal.add(market.channel(), frame(with)));
    };
    CHECK(answered(all) == "ok");
    CHECK(answered({}) == "wrong_transactions");
    CHECK(answered({all[0]}) == "wrong_transactions");
    CHECK(answered({all[1], all[0]}) == "wrong_transactions");
    CHECK(answered({all[0], transaction('x')}) == "wrong_transactions");
    CHECK(answered({all[0], all[1], all[1]}) == "wrong_transactions");
    auto proposal = taken(all);
    CHECK(code(proposal.add(market.channel(), Bytes{0, 0, 0, 9, 1})) == "malformed");
}

TEST_CASE_METHOD(Fixture, "of its last block a leader gives each transaction once, and nothing else") {
    const std::vector<Bytes> all = {transaction('a'), transaction('b')};
    const auto block = proposal_of(all).block();
    const auto ask = [&](const std::vector<Bytes>& wanted) {
        proto::TransactionsRequest request;
        for (const auto& one : wanted) request.mutable_leaves()->append(as_text(merkle_leaf(one)));
        return ledger::node::transactions_of(as_bytes(block), request);
    };
    CHECK(value_of(ask({all[1]})) == frame({all[1]}));
    CHECK(value_of(ask({all[1], all[0]})) == frame({all[1], all[0]}));
    CHECK(code(ask({all[0], all[0]})) == "not_found");
    CHECK(code(ask({transaction('x')})) == "not_found");
    CHECK(code(ask({})) == "malformed");
}

TEST_CASE("who has proposed a block gives its transactions to the other nodes, and to nobody else") {
    Cluster cluster(4);
    const auto client = cluster.client();
    const auto commit = client->submit(cluster.alice, kv("Put", "a=1"));
    REQUIRE(code(commit) == "ok");
    const auto block = value_of(proto::decode<proto::Block>(value_of(client->block(commit->block)).block()));
    const auto header = value_of(proto::decode<proto::BlockHeader>(block.header()));
    proto::TransactionsRequest request;
    request.set_leaves(proto::as_field(merkle_leaf(as_bytes(block.transactions(0)))));
    for (std::size_t node = 0; node < 4; ++node) {
        if (cluster.name(node) != header.proposer()) continue;
        const auto ask = [&](const base::net::TlsConfig& tls) {
            return cluster.call_peer_port(node, proto::PeerMethod::kTransactions, proto::encode(request), tls);
        };
        CHECK(value_of(ask(cluster.tls((node + 1) % 4))) == frame({to_bytes(std::string_view(block.transactions(0)))}));
        CHECK_FALSE(ask({{}, {}, cluster.roots()}));
    }
}

TEST_CASE("a member that proposes what it will not show is asked once, refused, and stops nobody") {
    Cluster cluster(4, /*started=*/false);
    std::atomic<int> asked{0};
    const auto secret = transaction('?');
    const auto first_answer = frame({transaction('!')});  // then the truth
    base::net::Loop loop;
    auto impostor = value_of(base::net::RpcServer::listen(
        loop, cluster.config(3).peer_listen, cluster.tls(3), /*require_client_certificate=*/true, {},
        [&](const base::net::RpcCall& call, const std::shared_ptr<base::net::Responder>& responder) {
            if (call.method != static_cast<std::uint16_t>(proto::PeerMethod::kTransactions))
                return responder->fail({"unavailable", "it only lies"});
            responder->reply(asked++ == 0 ? first_answer : frame({secret}));
        },
        [](const auto&) {}));
    loop.start();
    for (std::size_t node = 0; node < 3; ++node) REQUIRE(code(cluster.start(node)) == "ok");
    REQUIRE(cluster.ready());
    const auto lie = proto::encode(*ledger::node::shorten(proposal_of({secret}, cluster.name(3))));
    const auto refused = [&](const std::string& why) {
        return cluster.metrics(0).find("ledger_order_refused_total{code=\"" + why + "\"}") != std::string::npos;
    };
    // The link to the impostor may still be on its way: what cannot be asked is a proposal lost.
    const auto lies_until = [&](const std::string& why) {
        return eventually([&] {
            cluster.notify_peer_port(0, proto::PeerMethod::kProposal, lie, cluster.tls(3));
            return refused(why);
        });
    };
    CHECK(lies_until("wrong_transactions"));
    CHECK(lies_until("bad_signature"));  // whole now, and judged like one that came whole
    CHECK(code(cluster.client()->submit(cluster.alice, kv("Put", "a=1"))) == "ok");
    loop.stop();
    impostor.reset();
}

TEST_CASE("transactions that a node has never been given come with the proposal that names them") {
    Cluster cluster(4, /*started=*/false);
    for (std::size_t node = 0; node < 3; ++node) REQUIRE(code(cluster.start(node)) == "ok");
    REQUIRE(cluster.ready());
    // Two of four endorse nothing together: the transaction must be endorsed while three run, and submitted to two.
    const auto request = ledger::client::make_proposal("test", cluster.alice, kv("Put", "late=yes"),
                                                       proto::INTENT_SUBMIT, base::wall_now());
    const auto endorsed = cluster.call_gateway(0, proto::GatewayMethod::kEndorse, proto::encode(request));
    REQUIRE(code(endorsed) == "ok");
    const auto transaction_bytes =
        to_bytes(std::string_view(value_of(proto::decode<proto::EndorseReply>(*endorsed)).transaction()));
    cluster.stop(2);
    // Straight into the mempools of two, as a peer hands it on: nobody sends it any further.
    for (std::size_t node = 0; node < 2; ++node)
        cluster.notify_peer_port(node, proto::PeerMethod::kTransaction, frame({transaction_bytes}), cluster.tls(3));
    REQUIRE(code(cluster.start(2)) == "ok");
    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(cluster.ready());
    const auto id = proto::transaction_id(request.signed_proposal());
    CHECK(eventually([&] {
        const auto status = cluster.client()->commit_status(id, std::chrono::milliseconds(0));
        return status && status->known() && status->outcome().code() == proto::VALID;
    }));
}
