#include "ledger/endorse/endorser.hpp"

#include <chrono>

#include "identity/crypto/merkle.hpp"
#include "ledger/contract/endorsements.hpp"
#include "ledger/endorse/simulation.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::endorse {

namespace crypto = identity::crypto;

namespace {

constexpr std::chrono::seconds kMaxClockSkew{30};
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kEndorsementBytes = 384;  // node name, signature, path and framing, at most

/// A request whose parts belong together, and who made it.
struct Admitted {
    proto::Proposal proposal;
    crypto::Hash id{};
    contract::Caller caller;
};

Status check_private_inputs(const proto::Proposal& proposal, const proto::ProposalRequest& request) {
    if (proposal.private_hash().empty()) {
        if (request.salt().empty() && request.private_inputs().empty()) return {};
        return fail("bad_private_hash", "private inputs came beside a proposal that names none");
    }
    if (request.salt().size() != kSaltBytes) return fail("bad_private_hash", "the salt must have 32 bytes");
    if (request.private_inputs().size() > contract::kMaxPrivateBytes)
        return fail("too_large", "private inputs: at most 524288 bytes");
    const auto hash = crypto::sha256_of({as_bytes(request.salt()), as_bytes(request.private_inputs())});
    if (as_text(hash) == proposal.private_hash()) return {};
    return fail("bad_private_hash", "the private inputs are not those that the proposal was signed for");
}

Result<Admitted> admit(const contract::Channel& channel, const proto::ProposalRequest& request, proto::Intent intent,
                       TimePoint now) {
    const auto& signed_proposal = request.signed_proposal();
    Admitted out;
    FS_ASSIGN(out.proposal, contract::parse_proposal(as_bytes(signed_proposal.proposal())));
    if (out.proposal.channel() != channel.name())
        return fail("wrong_channel", "this node serves channel " + channel.name() + ", not " + out.proposal.channel());
    if (out.proposal.intent() != intent)
        return fail("wrong_intent", intent == proto::INTENT_SUBMIT ? "a query cannot be endorsed"
                                                                   : "a proposal to submit is not evaluated");
    const auto skew = std::chrono::abs(base::from_us(out.proposal.created_at_us()) - now);
    if (skew > kMaxClockSkew)
        return fail("clock_skew", "the proposal's time is " +
                                      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(skew).count()) +
                                      " s from this node's clock, at most 30 are allowed: the client's clock or "
                                      "this node's is wrong; set it, or ask another node");
    FS_ASSIGN(out.caller, channel.authenticate(signed_proposal, out.proposal, now));
    FS_TRY(check_private_inputs(out.proposal, request));
    out.id = proto::transaction_id(signed_proposal);
    return out;
}

Invocation invocation_of(const Admitted& admitted, const proto::ProposalRequest& request) {
    return {.proposal = admitted.proposal,
            .transaction_id = admitted.id,
            .caller = admitted.caller,
            .salt = as_bytes(request.salt()),
            .private_inputs = as_bytes(request.private_inputs())};
}

}  // namespace

Endorser::Endorser(contract::Channels channels, contract::Contracts contracts, state::StateStore& state,
                   state::PrivateStore& private_store, std::string node, contract::NodeKeys keys)
    : channels_(std::move(channels)),
      contracts_(std::move(contracts)),
      state_(state),
      private_store_(private_store),
      node_(std::move(node)),
      keys_(std::move(keys)) {}

/// The result's bytes.
Result<std::string> Endorser::simulate_one(const state::Snapshot& snapshot, const contract::Channel& channel,
                                           const proto::ProposalRequest& request, TimePoint now) {
    FS_ASSIGN(const auto admitted, admit(channel, request, proto::INTENT_SUBMIT, now));
    FS_ASSIGN(const auto used, snapshot.transaction(admitted.id));
    if (used)
        return fail("duplicate_id", "this transaction is in block " + std::to_string(used->at.block) + " already");

    FS_ASSIGN(auto simulation,
              simulate({snapshot, private_store_, channel, contracts_}, invocation_of(admitted, request)));
    auto result = simulation.result.SerializeAsString();
    const std::size_t size =
        request.signed_proposal().ByteSizeLong() + result.size() + channel.nodes().size() * kEndorsementBytes;
    if (size > channel.config().limits().max_transaction_bytes())
        return fail("too_large", "the transaction would have about " + std::to_string(size) + " bytes, at most " +
                                     std::to_string(channel.config().limits().max_transaction_bytes()) +
                                     " are allowed");
    FS_TRY(private_store_.stage(admitted.id, std::move(simulation.private_entries), now));
    return result;
}

proto::EndorsedBatch Endorser::endorse(const Requests& requests, TimePoint now) {
    const auto snapshot = state_.snapshot();
    const auto channel = channels_.at(snapshot->height() + 1);
    const auto* const key = keys_.listed(*channel, node_);
    proto::EndorsedBatch batch;
    batch.set_node(node_);
    std::vector<crypto::Hash> leaves;
    for (const auto& request : requests) {
        auto result = key != nullptr ? simulate_one(*snapshot, *channel, request, now)
                                     : fail("unavailable", node_ + " is no member of the channel config in force");
        auto& outcome = *batch.add_outcomes();
        if (!result) {
            outcome.set_code(result.error().code);
            outcome.set_message(result.error().message);
            continue;
        }
        leaves.push_back(
            contract::endorsement_leaf(proto::transaction_id(request.signed_proposal()), as_bytes(*result)));
        outcome.set_result(std::move(*result));
    }
    if (!leaves.empty()) {
        const auto root = crypto::merkle_root(leaves);
        const auto signature = key->sign(contract::endorsement_input(channel->name(), channel->epoch(), root));
        batch.set_signature(proto::as_field(signature));
    }
    return batch;
}

Result<proto::EndorseResult> Endorser::endorse(const proto::ProposalRequest& request, TimePoint now) {
    Requests requests;
    *requests.Add() = request;
    const auto channel = channels_.newest();
    const auto* const self = channel->node(node_);
    return contract::take_apart(*channel, self == nullptr ? "" : self->organisation,
                                {proto::transaction_id(request.signed_proposal())}, endorse(requests, now))
        .front();
}

Result<proto::EvaluateReply> Endorser::evaluate(const proto::ProposalRequest& request, TimePoint now) {
    const auto snapshot = state_.snapshot();
    const auto channel = channels_.at(snapshot->height() + 1);
    FS_ASSIGN(const auto admitted, admit(*channel, request, proto::INTENT_QUERY, now));
    FS_ASSIGN(auto simulation,
              simulate({*snapshot, private_store_, *channel, contracts_}, invocation_of(admitted, request)));
    proto::EvaluateReply reply;
    reply.set_response(std::move(*simulation.result.mutable_response()));
    reply.set_height(snapshot->height());
    return reply;
}

}  // namespace fairstream::ledger::endorse
