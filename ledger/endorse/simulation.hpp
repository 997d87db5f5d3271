#pragma once

#include <vector>

#include "ledger/contract/channel.hpp"
#include "ledger/state/state.hpp"

namespace fairstream::ledger::endorse {

/// What a simulation runs on. All of it must outlive the call.
struct Ground {
    const state::Snapshot& snapshot;
    const state::PrivateStore& private_store;
    const contract::Channel& channel;
    const contract::Contracts& contracts;
};

/// One proposal, its creator already authenticated.
struct Invocation {
    const proto::Proposal& proposal;
    identity::crypto::Hash transaction_id{};
    contract::Caller caller;
    ByteView salt;  // 32 bytes, or empty without private inputs
    ByteView private_inputs;
};

/// What a function read, wrote and answered; the same on every endorser that has the same state.
struct Simulation {
    proto::ProposalResult result;
    std::vector<proto::PrivateEntry> private_entries;  // for the private store, never for the ledger
};

/// Runs the proposed function. No I/O but reads of the snapshot and the private store.
///
/// The result is canonical: reads, writes and private writes in key order, one per key; ranges, deltas and events in
/// the order they were made. A private value's own salt is HMAC-SHA256(proposal salt, public key), so all endorsers
/// agree and no salt tells another.
///
/// Errors: unknown_contract, too_many, too_large (bounds of ledger/contract/limits.hpp), and what the contract refused
/// with.
Result<Simulation> simulate(const Ground& ground, const Invocation& invocation);

}  // namespace fairstream::ledger::endorse
