#pragma once

#include "ledger/blocks/block_store.hpp"
#include "ledger/contract/channel.hpp"
#include "ledger/contract/context.hpp"
#include "ledger/snapshot/store.hpp"

/// How a snapshot is agreed on (docs/adr/0010). Every node writes one at the same heights; a node of each organisation
/// states its hash on the ledger. What a majority of organisations states alike is agreed on.
namespace fairstream::ledger::snapshot {

constexpr std::string_view kContract = "snapshots";
constexpr std::string_view kStateFunction = "State";

/// The ledger's own contract "snapshots": State(SnapshotStatement). Errors: unauthorized (only nodes of members, and
/// not through another contract), bad_arguments, not_decided, contradiction (this organisation has stated another
/// hash).
std::shared_ptr<const contract::Contract> make_contract();

struct Statement {
    std::string organisation;
    Hash hash{};
    state::Version at;  // of the transaction
};
/// What has been stated of a height, by organisation.
Result<std::vector<Statement>> statements(const state::Snapshot& state, std::uint64_t height);

/// The hash that a majority of the channel's organisations has stated; nothing if none has.
std::optional<Hash> agreed_on(const std::vector<Statement>& statements, const contract::Channel& channel);

/// What shows another node that this snapshot is agreed on: its manifest with receipts of the statements. Errors:
/// not_found (it is not agreed on), not_sealed, and the stores'.
Result<proto::SnapshotOffer> make_offer(const Kept& snapshot, const contract::Channel& channel,
                                        const blocks::BlockStore& blocks, const state::Snapshot& state);

/// Takes the offer of a peer: the manifest is whole, and receipts that the genesis config verifies show that a majority
/// of organisations has stated its hash (a genesis snapshot is named by the genesis config itself). Errors: malformed,
/// wrong_channel, not_agreed (with what is missing), and those of receipt::verify_receipt.
Result<Kept> check_offer(const proto::SnapshotOffer& offer, const std::shared_ptr<const contract::Channel>& genesis);

}  // namespace fairstream::ledger::snapshot
