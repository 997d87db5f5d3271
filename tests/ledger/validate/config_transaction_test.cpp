// What a config transaction must satisfy when a block is validated, whoever endorsed it.
#include <catch2/catch.hpp>

#include "ledger/contract/configure.hpp"
#include "tests/ledger/validate/notes.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::contract::Channel;
using msp::Role;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    Consortium market{{.organisations = 4}, {notes_contract()}};
    Actor anyone;

    proto::ChannelConfig next_config() const {
        auto config = market.config();
        config.set_epoch(2);
        config.set_created_at_us(base::to_us(market.now));
        config.mutable_limits()->set_max_block_transactions(7);
        return config;
    }
    proto::ConfigUpdate approved(const proto::ChannelConfig& config, std::size_t organisations) const {
        proto::ConfigUpdate update;
        update.set_config(config.SerializeAsString());
        for (std::size_t i = 0; i < organisations; ++i) {
            const auto admin = market.member(i, Role::kAdmin, "admin" + std::to_string(i));
            auto& approval = *update.add_approvals();
            approval.set_certificate(proto::as_field(admin.certificate));
            approval.set_signature(proto::as_field(
                admin.key.sign(crypto::signing_input("config/v1", "market", as_bytes(update.config())))));
        }
        return update;
    }
    Result<proto::Transaction> endorse(const proto::ConfigUpdate& update) {
        return market.endorse(anyone, "channel", "Configure", proto::encode(update));
    }
    /// What a majority of endorsers that lie would make of an update that the contract refuses.
    proto::Transaction forged(const proto::ConfigUpdate& update) {
        const auto request = market.propose(anyone, "channel", "Configure", proto::encode(update));
        proto::ProposalResult result;
        result.set_transaction_id(proto::as_field(proto::transaction_id(request.signed_proposal())));
        result.set_config_epoch(1);
        auto& write = *result.add_writes();
        write.set_key(std::string(ledger::contract::kFullConfigKey));
        write.set_value(update.config());
        proto::Transaction transaction;
        *transaction.mutable_signed_proposal() = request.signed_proposal();
        market.endorse_as(transaction, result, 3);
        return transaction;
    }
    proto::Outcome commit_one(const proto::Transaction& transaction) {
        return market.commit({transaction}).outcomes.at(0);
    }
};

}  // namespace

TEST_CASE_METHOD(
    Fixture,
    "a config that three of four organisations' admins signed is valid, and a second one in its block is not") {
    auto other = next_config();
    other.mutable_limits()->set_max_block_transactions(8);
    const auto first = value_of(endorse(approved(next_config(), 3)));
    const auto second = value_of(endorse(approved(other, 3)));
    const auto done = market.commit({first, second});
    CHECK(done.outcomes.at(0).code() == proto::VALID);
    CHECK(done.outcomes.at(1).code() == proto::READ_CONFLICT);
    const auto stored = value_of(market.state().snapshot()->get(ledger::contract::kFullConfigKey));
    REQUIRE(stored);
    CHECK(as_text(stored->value) == next_config().SerializeAsString());
}

TEST_CASE_METHOD(Fixture, "endorsers do not decide who may vote: every node looks at the admins' signatures itself") {
    CHECK(endorse(approved(next_config(), 2)).error().code == "not_approved");
    const auto two = commit_one(forged(approved(next_config(), 2)));
    CHECK(two.code() == proto::CONFIG_REFUSED);
    CHECK(two.reason() == "not_approved");

    auto wrong_epoch = next_config();
    wrong_epoch.set_epoch(3);
    CHECK(commit_one(forged(approved(wrong_epoch, 3))).reason() == "wrong_epoch");
    auto bad = next_config();
    bad.clear_nodes();
    CHECK(commit_one(forged(approved(bad, 3))).reason() == "bad_config");
    auto signed_for_another = approved(next_config(), 3);
    signed_for_another.set_config(market.config().SerializeAsString());
    CHECK(commit_one(forged(signed_for_another)).code() == proto::CONFIG_REFUSED);
}

TEST_CASE_METHOD(Fixture, "only a config transaction writes the channel config, and nothing else") {
    const auto with_result = [&](proto::Transaction transaction, const auto& change) {
        auto result = value_of(proto::decode<proto::ProposalResult>(transaction.result()));
        change(result);
        market.endorse_as(transaction, result, 3);
        return commit_one(transaction);
    };
    const auto put = [&] { return value_of(market.endorse(anyone, "notes", "Put", as_bytes("a=1"))); };
    const auto key = [](const std::string& name) {
        return [name](proto::ProposalResult& result) { result.mutable_writes(0)->set_key(name); };
    };
    CHECK(with_result(put(), key("channel/config")).code() == proto::MALFORMED);
    CHECK(with_result(put(), key("channel/other")).code() == proto::MALFORMED);
    CHECK(with_result(put(), key("~ledger/outcomes_root")).code() == proto::MALFORMED);
    CHECK(with_result(put(), key("channels/x")).code() == proto::VALID);

    const auto good = [&] { return value_of(endorse(approved(next_config(), 3))); };
    CHECK(with_result(good(), [](auto& result) { result.mutable_writes(0)->set_value("another"); }).code() ==
          proto::MALFORMED);
    CHECK(with_result(good(), [](auto& result) { result.clear_writes(); }).code() == proto::MALFORMED);
    CHECK(with_result(good(), key("notes/a")).code() == proto::MALFORMED);
}

TEST_CASE_METHOD(Fixture, "entries that stay may have certificates that have ended, and new ones and admins' may not") {
    const auto& now = market.channel();
    auto later = next_config();
    later.set_created_at_us(base::to_us(kStart + 24h * 400));  // all certificates have ended
    CHECK(now.successor(proto::encode(later)));
    const auto refused = now.successor(approved(later, 3), kStart + 24h * 400);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "bad_approval");
    CHECK(refused.error().message.find("has ended") != std::string::npos);

    auto changed = later;
    changed.mutable_nodes(0)->set_certificate(
        proto::as_field(market.member(0, Role::kNode, changed.nodes(0).name()).certificate));
    const auto expired = now.successor(proto::encode(changed));
    REQUIRE_FALSE(expired);
    CHECK(expired.error().code == "bad_config");
    changed.set_created_at_us(next_config().created_at_us());
    CHECK(now.successor(proto::encode(changed)));
}

TEST_CASE_METHOD(Fixture, "a config follows the one in force, or is refused with what is wrong") {
    const auto refusal = [&](const auto& change) {
        auto config = next_config();
        change(config);
        const auto made = market.channel().successor(proto::encode(config));
        return made ? std::string("accepted") : made.error().message;
    };
    CHECK(refusal([](auto&) {}) == "accepted");
    CHECK(refusal([](auto& c) { c.set_channel("other"); }).find("name cannot change") != std::string::npos);
    CHECK(refusal([](auto& c) { c.set_created_at_us(base::to_us(kStart)); }).find("not later") != std::string::npos);
    CHECK(refusal([](auto& c) { c.set_genesis_snapshot(std::string(32, 'x')); }).find("began with") !=
          std::string::npos);
    CHECK(refusal([](auto& c) { c.set_endorsing_organisations(2); }).find("not above half of 4") != std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_nodes(0)->set_peer_address("nowhere"); }).find("host:port") !=
          std::string::npos);
    CHECK(refusal([](auto& c) { c.mutable_nodes(0)->set_peer_address("a:70000"); }).find("host:port") !=
          std::string::npos);
    auto four = next_config();
    four.set_endorsing_organisations(4);
    CHECK(value_of(market.channel().successor(proto::encode(four)))->endorsing_organisations() == 4);
}
