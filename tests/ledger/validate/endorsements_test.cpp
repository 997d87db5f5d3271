// Endorsements that were signed together: each transaction stands alone, and nothing else stands on the signature.
#include "ledger/contract/endorsements.hpp"

#include <catch2/catch.hpp>

#include "identity/crypto/merkle.hpp"
#include "ledger/validate/transaction_check.hpp"
#include "tests/ledger/validate/notes.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::contract::endorsement_input;
using ledger::contract::endorsement_leaf;
using ledger::contract::take_apart;
using ledger::endorse::Endorser;

namespace {

struct Fixture {
    Consortium market{{.organisations = 4}, {notes_contract()}};
    Actor alice;

    /// Proposals to put k0, k1, ...; the last of them, if `refused`, calls a function that is not there.
    Endorser::Requests proposals(int count, bool refused = false) {
        Endorser::Requests out;
        for (int i = 0; i < count; ++i)
            *out.Add() = market.propose(alice, "notes", refused && i + 1 == count ? "Nonsense" : "Put",
                                        as_bytes("k" + std::to_string(i) + "=1"));
        return out;
    }
    static std::vector<crypto::Hash> ids(const Endorser::Requests& requests) {
        std::vector<crypto::Hash> out;
        for (const auto& request : requests) out.push_back(proto::transaction_id(request.signed_proposal()));
        return out;
    }
    std::string organisation(std::size_t node) const { return market.channel().nodes()[node].organisation; }
    std::vector<Result<proto::EndorseResult>> ask(std::size_t node, const Endorser::Requests& requests) {
        return take_apart(market.channel(), organisation(node), ids(requests),
                          market.nodes()[node].endorser->endorse(requests, market.now));
    }
    /// All of `requests` with the words of three organisations, each signed once.
    std::vector<proto::Transaction> transactions(const Endorser::Requests& requests) {
        std::vector<proto::Transaction> out(static_cast<std::size_t>(requests.size()));
        for (std::size_t node = 0; node < 3; ++node) {
            const auto answers = ask(node, requests);
            for (std::size_t i = 0; i < out.size(); ++i) {
                *out[i].mutable_signed_proposal() = requests[static_cast<int>(i)].signed_proposal();
                out[i].set_result(value_of(answers[i]).result());
                *out[i].add_endorsements() = value_of(answers[i]).endorsement();
            }
        }
        return out;
    }
    proto::ValidationCode judge(const proto::Transaction& transaction) const {
        const auto checked = ledger::validate::check_form(market.channel(), proto::encode(transaction), market.now);
        if (!checked.form.valid()) return checked.form.code;
        return ledger::validate::verify_signatures(market.channel(), checked, market.now).code;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what was signed together stands alone, and costs one verification for each signature") {
    const auto all = transactions(proposals(7));
    const auto before = crypto::verifications();
    for (const auto& transaction : all) CHECK(judge(transaction) == proto::VALID);
    CHECK(crypto::verifications() == before);  // clients' when endorsing, roots' when taken apart
    CHECK(market.commit(all).outcomes.back().code() == proto::VALID);
    CHECK(all[0].endorsements(0).signature() == all[6].endorsements(0).signature());
    CHECK(all[0].endorsements(0).path() != all[6].endorsements(0).path());
}

TEST_CASE_METHOD(Fixture, "a refusal in a batch stays a refusal, and the others are signed without it") {
    const auto requests = proposals(3, /*refused=*/true);
    const auto answers = ask(0, requests);
    REQUIRE(answers.size() == 3);
    CHECK(answers[2].error().code == "unknown_function");
    CHECK(value_of(answers[0]).endorsement().leaves() == 2);
    CHECK(value_of(answers[1]).endorsement().leaf() == 1);
}

TEST_CASE_METHOD(Fixture, "an endorsement counts for its own leaf only") {
    const auto all = transactions(proposals(5));
    const auto with = [&](const auto& change) {
        auto transaction = all[1];
        for (auto& endorsement : *transaction.mutable_endorsements()) change(endorsement);
        return judge(transaction);
    };
    CHECK(with([](auto&) {}) == proto::VALID);
    SECTION("the leaf of another transaction") {
        auto moved = all[1];
        *moved.mutable_endorsements() = all[2].endorsements();
        CHECK(judge(moved) == proto::POLICY_NOT_MET);
    }
    SECTION("another result") {
        auto changed = all[1];
        auto result = value_of(proto::decode<proto::ProposalResult>(changed.result()));
        result.set_response("more");
        changed.set_result(result.SerializeAsString());
        CHECK(judge(changed) == proto::POLICY_NOT_MET);
    }
    SECTION("another place in the tree") {
        CHECK(with([](auto& e) { e.set_leaf(0); }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.set_leaf(e.leaves()); }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.set_leaves(1); }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.set_leaves(0); }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.set_leaves(65); }) == proto::POLICY_NOT_MET);
    }
    SECTION("a bent, shortened or lengthened path") {
        CHECK(with([](auto& e) { e.mutable_path()->front() ^= 1; }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.mutable_path()->resize(32); }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.mutable_path()->append(32, 'x'); }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.mutable_path()->append("x"); }) == proto::POLICY_NOT_MET);
        CHECK(with([](auto& e) { e.mutable_path()->append(1 << 16, 'x'); }) == proto::POLICY_NOT_MET);
    }
    SECTION("a root that nobody signed") {
        CHECK(with([](auto& e) {
                  e.set_leaf(0);
                  e.set_leaves(2);
                  e.set_path(std::string(32, 'x'));
              }) == proto::POLICY_NOT_MET);
    }
    SECTION("another node's name on the signature") {
        CHECK(with([&](auto& e) { e.set_node(market.nodes()[3].name); }) == proto::POLICY_NOT_MET);
    }
}

TEST_CASE_METHOD(Fixture, "a root signed under one config epoch says nothing under another") {
    auto transaction = transactions(proposals(1)).front();
    const auto leaf =
        endorsement_leaf(proto::transaction_id(transaction.signed_proposal()), as_bytes(transaction.result()));
    for (const std::uint64_t epoch : {2u, 1u}) {
        for (int i = 0; i < 3; ++i)
            transaction.mutable_endorsements(i)->set_signature(
                proto::as_field(market.nodes()[static_cast<std::size_t>(i)].key.sign(
                    endorsement_input(market.channel().name(), epoch, leaf))));
        CHECK(judge(transaction) == (epoch == 1 ? proto::VALID : proto::POLICY_NOT_MET));
    }
}

TEST_CASE_METHOD(Fixture, "a batch of an endorser in another config epoch is told apart from a bad one") {
    const auto requests = proposals(2);
    auto batch = market.nodes()[1].endorser->endorse(requests, market.now);
    for (auto& outcome : *batch.mutable_outcomes()) {
        auto result = proto::decode<proto::ProposalResult>(as_bytes(outcome.result())).value();
        result.set_config_epoch(2);
        outcome.set_result(result.SerializeAsString());
    }
    for (const auto& answer : take_apart(market.channel(), organisation(1), ids(requests), batch))
        CHECK((!answer && answer.error().code == "other_epoch"));
}

TEST_CASE_METHOD(Fixture, "a gateway takes no batch that is not the asked organisation's, or not all of it") {
    const auto requests = proposals(3);
    const auto batch = market.nodes()[1].endorser->endorse(requests, market.now);
    const auto refused = [&](const std::string& from, const proto::EndorsedBatch& given) {
        const auto answers = take_apart(market.channel(), from, ids(requests), given);
        return answers.size() == 3 && std::ranges::all_of(answers, [](const auto& answer) {
                   return !answer && answer.error().code == "bad_endorsement";
               });
    };
    CHECK_FALSE(refused(organisation(1), batch));
    CHECK(refused(organisation(0), batch));
    auto fewer = batch;
    fewer.mutable_outcomes()->RemoveLast();
    CHECK(refused(organisation(1), fewer));
    auto changed = batch;
    changed.mutable_outcomes(1)->mutable_result()->append("x");
    CHECK(refused(organisation(1), changed));
    auto hidden = batch;  // one that was signed, shown as a refusal
    hidden.mutable_outcomes(1)->set_code("not_found");
    CHECK(refused(organisation(1), hidden));
}
