#include <catch2/catch.hpp>

#include "tests/ledger/validate/notes.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::contract::Channel;
using msp::Role;

namespace {

/// The message that `change` of a good config is refused with.
template <typename Change>
std::string refusal(Change change) {
    static const Consortium good({.organisations = 4}, {});
    auto config = good.config();
    change(config);
    const auto made = Channel::make(proto::encode(config));
    if (made) return "accepted";
    CHECK(made.error().code == "bad_config");
    return made.error().message;
}

std::string certificate(const Consortium& market, std::size_t org, Role role, const std::string& name) {
    return proto::as_field(market.member(org, role, name).certificate);
}

}  // namespace

TEST_CASE("a channel config says who is in, how many must endorse and what a quorum is") {
    const Consortium four({.organisations = 4}, {});
    CHECK(four.channel().name() == "market");
    CHECK(four.channel().epoch() == 1);
    CHECK(four.channel().faults() == 1);
    CHECK(four.channel().quorum() == 3);
    CHECK(four.channel().endorsing_organisations() == 3);
    CHECK(four.channel().node("org2-node1")->organisation == "org2");
    CHECK(four.channel().node("org9-node1") == nullptr);
    CHECK(four.channel().roster().at(2).organisation == "org3");
    CHECK(four.channel().genesis_hash() == crypto::sha256(four.config_bytes()));

    const Consortium one({.organisations = 1}, {});
    CHECK(one.channel().quorum() == 1);
    const Consortium three({.organisations = 3}, {});
    CHECK(three.channel().faults() == 0);
    CHECK(three.channel().quorum() == 2);
    CHECK(three.channel().endorsing_organisations() == 2);
}

TEST_CASE("a channel config that cannot be right is refused, with the entry that is wrong") {
    const Consortium market({.organisations = 4}, {});
    CHECK(refusal([](auto&) {}) == "accepted");
    CHECK(refusal([](auto& c) { c.set_channel("No Such/Name"); }).find("channel:") != std::string::npos);
    CHECK(refusal([](auto& c) { c.set_epoch(0); }).find("epoch") != std::string::npos);
    CHECK(refusal([](auto& c) { c.set_created_at_us(0); }).find("created_at_us") != std::string::npos);
    CHECK(refusal([](auto& c) { c.clear_nodes(); }).find("1 to 256 nodes") != std::string::npos);
    CHECK(refusal([](auto& c) { c.clear_organisations(); }).find("organisations") != std::string::npos);
    CHECK(refusal([](auto& c) { c.set_custody_threshold(2); }).find("custody_threshold") != std::string::npos);
    CHECK(refusal([](auto& c) { c.set_custody_threshold(5); }).find("custody_threshold") != std::string::npos);
    CHECK(refusal([](auto& c) { c.clear_limits(); }).find("max_block_transactions") != std::string::npos);
    CHECK(refusal([](auto& c) {
              c.mutable_limits()->set_max_transaction_bytes(64u << 20);
          }).find("max_transaction_bytes") != std::string::npos);
    CHECK(refusal([](auto& c) { *c.add_organisations() = c.organisations(0); }).find("org1") != std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_organisations(1)->set_custodian_key("short"); }).find("org2") !=
          std::string::npos);
    CHECK(refusal([](auto& c) {
              c.mutable_organisations(1)->set_custodian_key(c.organisations(0).custodian_key());
          }).find("another organisation's") != std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_organisations(1)->set_ca_certificate("not DER"); }).find("org2") !=
          std::string::npos);
    CHECK(refusal([](auto& c) { *c.add_nodes() = c.nodes(0); }).find("stands twice") != std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_nodes(2)->set_name("other"); }).find("names org3-node1") !=
          std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_nodes(2)->set_organisation("org1"); }).find("organisation org3") !=
          std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_nodes(2)->set_certificate("junk"); }).find("org3-node1") !=
          std::string::npos);
    // A consortium of the same names, but other CAs.
    CHECK(refusal([&](auto& c) { *c.mutable_nodes(0) = market.config().nodes(0); }).find("org1-node1") !=
          std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_nodes()->DeleteSubrange(1, 3); }).find("run nodes") != std::string::npos);
    CHECK_FALSE(Channel::make(as_bytes("\xff\xff junk")));

    auto config = market.config();
    config.mutable_nodes(0)->set_certificate(certificate(market, 0, Role::kAdmin, "org1-node1"));
    const auto admin_as_node = Channel::make(proto::encode(config));
    REQUIRE_FALSE(admin_as_node);
    CHECK(admin_as_node.error().message.find("role node") != std::string::npos);
}

TEST_CASE("a proposal is bounded before anyone works on it") {
    Consortium market({.organisations = 1}, {});
    const Actor alice;
    const auto good = value_of(ledger::contract::parse_proposal(
        as_bytes(market.propose(alice, "notes", "Put", as_bytes("a=1")).signed_proposal().proposal())));
    const auto refused = [&](auto change) {
        auto proposal = good;
        change(proposal);
        const auto parsed = ledger::contract::parse_proposal(proto::encode(proposal));
        return !parsed && parsed.error().code == "malformed";
    };
    CHECK_FALSE(refused([](auto&) {}));
    CHECK(refused([](auto& p) { p.set_channel(""); }));
    CHECK(refused([](auto& p) { p.set_contract("a/b"); }));
    CHECK(refused([](auto& p) { p.set_function("no spaces"); }));
    CHECK(refused([](auto& p) { p.set_function(std::string(65, 'f')); }));
    CHECK(refused([](auto& p) { p.set_arguments(std::string((512u << 10) + 1, 'x')); }));
    CHECK(refused([](auto& p) { p.clear_creator(); }));
    CHECK(refused([](auto& p) { p.mutable_creator()->set_did(std::string(257, 'd')); }));
    CHECK(refused([](auto& p) { p.mutable_creator()->set_certificate(std::string(8193, 'c')); }));
    CHECK(refused([](auto& p) { p.set_intent(proto::INTENT_UNSPECIFIED); }));
    CHECK(refused([](auto& p) { p.set_nonce("short"); }));
    CHECK(refused([](auto& p) { p.set_created_at_us(0); }));
    CHECK(refused([](auto& p) { p.set_created_at_us(~0ull); }));
    CHECK(refused([](auto& p) { p.set_private_hash("short"); }));
}

TEST_CASE("a creator is who holds the DID's key, or a member with a certificate of its organisation's CA") {
    Consortium market({.organisations = 2}, {});
    const auto authenticate = [&](const Actor& actor, TimePoint at) -> Result<std::string> {
        const auto request = market.propose(actor, "notes", "Put", {});
        const auto proposal =
            value_of(ledger::contract::parse_proposal(as_bytes(request.signed_proposal().proposal())));
        FS_ASSIGN(const auto caller, market.channel().authenticate(request.signed_proposal(), proposal, at));
        return caller.id();
    };
    const Actor alice;
    CHECK(authenticate(alice, market.now) == alice.did);
    const Actor admin = market.member(1, Role::kAdmin, "anna");
    CHECK(authenticate(admin, market.now) == "org:org2/anna");

    Actor thief;
    thief.did = alice.did;
    CHECK(authenticate(thief, market.now).error().code == "bad_signature");
    Actor nobody;
    nobody.did = "did:web:example.org";
    CHECK(authenticate(nobody, market.now).error().code == "bad_creator");
    CHECK(authenticate(market.member(0, Role::kTls, "tls"), market.now).error().code == "bad_creator");
    CHECK(authenticate(admin, market.now + std::chrono::hours(24 * 400)).error().code == "expired");
    const Consortium other({.organisations = 2}, {});
    CHECK_FALSE(authenticate(other.member(0, Role::kAdmin, "mallory"), market.now));
}
