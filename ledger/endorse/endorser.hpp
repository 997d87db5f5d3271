#pragma once

#include <memory>
#include <string>

#include "identity/crypto/keys.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/contract/node_keys.hpp"
#include "ledger/state/state.hpp"

namespace fairstream::ledger::endorse {

/// Simulates proposals on a snapshot of committed state and signs what it found. Thread-safe; runs in the pool.
class Endorser {
public:
    using Requests = google::protobuf::RepeatedPtrField<proto::ProposalRequest>;

    Endorser(contract::Channels channels, contract::Contracts contracts, state::StateStore& state,
             state::PrivateStore& private_store, std::string node, contract::NodeKeys keys);

    /// Under the config that will be in force for the next block. Errors: unavailable (this node is no member, or no
    /// more), malformed, wrong_channel, wrong_intent, clock_skew (creation time over 30 s from `now`), bad_signature,
    /// bad_private_hash, duplicate_id, unknown_contract, and what the contract refused with.
    /// All see the same state, and those that succeed are signed together (contract::take_apart).
    proto::EndorsedBatch endorse(const Requests& requests, TimePoint now);
    /// One alone.
    Result<proto::EndorseResult> endorse(const proto::ProposalRequest& request, TimePoint now);
    /// The same simulation for a query; nothing is signed, nothing can be committed.
    Result<proto::EvaluateReply> evaluate(const proto::ProposalRequest& request, TimePoint now);

private:
    Result<std::string> simulate_one(const state::Snapshot& snapshot, const contract::Channel& channel,
                                     const proto::ProposalRequest& request, TimePoint now);

    contract::Channels channels_;
    contract::Contracts contracts_;
    state::StateStore& state_;
    state::PrivateStore& private_store_;
    std::string node_;
    contract::NodeKeys keys_;
};

}  // namespace fairstream::ledger::endorse
