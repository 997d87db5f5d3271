#include <catch2/catch.hpp>

#include "tests/ledger/validate/notes.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::validate::check_block;
using ledger::validate::check_certificate;

namespace {

struct Fixture {
    Consortium market{{.organisations = 4}, {notes_contract()}};
    Actor alice;
    proto::Block good = market.block({value_of(market.endorse(alice, "notes", "Put", as_bytes("a=1")))});

    template <typename Change>
    std::string code(Change change) {
        auto block = good;
        auto header = value_of(proto::decode<proto::BlockHeader>(block.header()));
        change(header, block);
        block.set_header(header.SerializeAsString());
        const auto checked = check_block(market.channel(), market.parent(), block);
        return checked ? "good" : checked.error().code;
    }

    proto::SignedOrderMessage commit_by(std::size_t node, const proto::Commit& commit, std::uint64_t epoch = 1) {
        proto::OrderMessage body;
        body.set_config_epoch(epoch);
        *body.mutable_commit() = commit;
        proto::SignedOrderMessage out;
        out.set_node(market.nodes()[node].name);
        out.set_body(body.SerializeAsString());
        out.set_signature(proto::as_field(market.nodes()[node].key.sign(
            crypto::signing_input("order/v1", market.channel().name(), as_bytes(out.body())))));
        return out;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a block is checked against its parent, its transactions and the config") {
    CHECK(code([](auto&, auto&) {}) == "good");
    CHECK(code([](auto& h, auto&) { h.set_channel("other"); }) == "wrong_channel");
    CHECK(code([](auto& h, auto&) { h.set_height(2); }) == "wrong_height");
    CHECK(code([](auto& h, auto&) { h.set_previous_hash(std::string(32, 'x')); }) == "wrong_parent");
    CHECK(code([](auto& h, auto&) { h.set_config_epoch(2); }) == "wrong_epoch");
    CHECK(code([&](auto& h, auto&) { h.set_time_us(market.parent().time_us); }) == "wrong_time");
    CHECK(code([](auto& h, auto&) { h.set_time_us(~0ull); }) == "wrong_time");
    CHECK(code([](auto& h, auto&) { h.set_proposer("nobody"); }) == "unknown_proposer");
    CHECK(code([](auto&, auto& b) { b.add_transactions("one more"); }) == "wrong_root");
    CHECK(code([](auto& h, auto&) { h.set_previous_outcomes_root(std::string(32, 'x')); }) == "wrong_outcomes");
    CHECK(code([](auto&, auto& b) { b.add_transactions(std::string((2u << 20) + 1, 'x')); }) == "too_large");
    CHECK(code([](auto&, auto& b) {
              for (int i = 0; i < 5; ++i) b.add_transactions(std::string(2u << 20, 'x'));
          }) == "too_large");
    CHECK(code([](auto&, auto& b) {
              for (int i = 0; i < 1000; ++i) b.add_transactions("x");
          }) == "too_large");
    auto broken = good;
    broken.set_header("\xff\xff");
    CHECK(check_block(market.channel(), market.parent(), broken).error().code == "malformed");
}

TEST_CASE_METHOD(Fixture, "a commit certificate has a quorum of distinct members' COMMITs for this very block") {
    const auto hash = crypto::sha256(as_bytes(good.header()));
    proto::Commit commit;
    commit.set_height(1);
    commit.set_round(2);
    commit.set_block_hash(proto::as_field(hash));
    proto::CommitCertificate certificate;
    certificate.set_height(1);
    certificate.set_round(2);
    certificate.set_block_hash(proto::as_field(hash));
    for (std::size_t i = 0; i < 3; ++i) *certificate.add_commits() = commit_by(i, commit);
    CHECK(check_certificate(market.channel(), certificate, 1, hash));
    CHECK_FALSE(check_certificate(market.channel(), certificate, 2, hash));
    CHECK_FALSE(check_certificate(market.channel(), certificate, 1, crypto::sha256(as_bytes("other"))));

    const auto refused = [&](auto change) {
        auto changed = certificate;
        change(changed);
        const auto checked = check_certificate(market.channel(), changed, 1, hash);
        return !checked && checked.error().code == "bad_certificate";
    };
    CHECK(refused([](auto& c) { c.mutable_commits()->RemoveLast(); }));
    CHECK(refused([](auto& c) { *c.mutable_commits(2) = c.commits(0); }));
    CHECK(refused([](auto& c) { c.mutable_commits(2)->set_node("org4-node1"); }));
    CHECK(refused([](auto& c) { c.mutable_commits(2)->set_block("baggage"); }));
    CHECK(refused([](auto& c) { c.mutable_commits(2)->mutable_signature()->at(9) ^= 1; }));
    CHECK(refused([&](auto& c) { *c.mutable_commits(2) = commit_by(2, commit, /*epoch=*/2); }));
    CHECK(refused([&](auto& c) {
        auto other = commit;
        other.set_round(3);
        *c.mutable_commits(2) = commit_by(2, other);
    }));
    CHECK(refused([&](auto& c) {
        proto::OrderMessage prepare;
        prepare.set_config_epoch(1);
        prepare.mutable_prepare()->set_height(1);
        prepare.mutable_prepare()->set_round(2);
        prepare.mutable_prepare()->set_block_hash(proto::as_field(hash));
        c.mutable_commits(2)->set_body(prepare.SerializeAsString());
    }));
}
