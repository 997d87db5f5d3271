#pragma once

#include <vector>

#include "ledger/contract/channel.hpp"

/// One signature for many results: an endorser gathers what it found for several proposals as the leaves of one Merkle
/// tree (RFC 6962) and signs the root. A leaf binds the transaction's id and its result, the signature the channel and
/// the config epoch; each transaction carries its path to the root, so it stands alone.
namespace fairstream::ledger::contract {

constexpr std::size_t kMaxEndorsedTogether = 64;

/// SHA-256(0x00 || transaction id || SHA-256(result)).
identity::crypto::Hash endorsement_leaf(const identity::crypto::Hash& transaction_id, ByteView result);

/// What an endorser signs: signing_input("endorsement/v2", channel, u64 epoch || root).
Bytes endorsement_input(std::string_view channel, std::uint64_t epoch, const identity::crypto::Hash& root);

/// True if `endorsement` is its node's word for this leaf, under this config.
bool verify_endorsement(const Channel& channel, const proto::Endorsement& endorsement,
                        const identity::crypto::Hash& leaf);

/// A batch as each of its transactions needs it. `ids` are those of the proposals asked about, in order; the endorser's
/// refusals stay errors. The signature is verified once. Errors of all: bad_endorsement (another number of answers, or
/// not signed by a node of `organisation`); other_epoch (it says to have simulated under another config than `channel`,
/// as a node does that has not applied the newest one yet: ask again).
std::vector<Result<proto::EndorseResult>> take_apart(const Channel& channel, const std::string& organisation,
                                                     const std::vector<identity::crypto::Hash>& ids,
                                                     proto::EndorsedBatch batch);

}  // namespace fairstream::ledger::contract
