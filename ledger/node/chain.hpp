#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/pool.hpp"
#include "ledger/blocks/block_store.hpp"
#include "ledger/order/replica.hpp"
#include "ledger/snapshot/store.hpp"
#include "ledger/state/state.hpp"
#include "ledger/validate/validator.hpp"

namespace fairstream::ledger::node {

using identity::crypto::Hash;

/// What one decided block did to this node.
struct AppliedBlock {
    order::Tip tip;
    std::vector<proto::Outcome> outcomes;
    std::vector<Hash> transactions;                    // ids of all that can be read, whatever became of them
    bool private_writes = false;                       // some were committed: values may be missing here
    std::shared_ptr<const contract::Channel> channel;  // in force from the next block on, if this one changed it
    std::shared_ptr<const state::Rows> rows;           // the state after it, if it is one to take a snapshot of,
    std::string header;                                // and then its BlockHeader
};

/// The decided chain and what it amounts to: blocks, state, private values. Read from any thread through the stores;
/// written by the node's one writing thread.
class Chain {
public:
    /// `pool` helps to verify signatures. Opens the stores in `folder` and brings the state up to the blocks. Errors:
    /// io_error, damaged (names what does not fit), wrong_channel (the data belong to another genesis).
    /// `channels` begins with the genesis config; this adds the epochs that the state knows, and each new one when its
    /// block is applied.
    struct Options {
        std::filesystem::path genesis_snapshot;  // folder of the snapshot that the genesis config names, if it does
        std::uint64_t segment_bytes = blocks::kSegmentBytes;
        validate::CheckedBefore* checked_before = nullptr;  // what need not be checked again; outlives the chain
    };
    static Result<std::unique_ptr<Chain>> open(const std::filesystem::path& folder, contract::Channels channels,
                                               base::Pool& pool, const Options& options);

    /// Makes the decided block durable, validates it and applies it: block first, private values second, state last, so
    /// that a crash in between is made good by open(). Errors: io_error, and diverged: this block's header has another
    /// root of the outcomes before it than this node computed.
    Result<AppliedBlock> commit(const proto::DecidedBlock& decided);

    /// Goes on from a snapshot that lies in snapshots() and is agreed on: its state takes the place of this one's, and
    /// the blocks up to it are as good as pruned. A crash in between is made good by open(). Precondition: it is above
    /// the tip. Errors: io_error, damaged.
    Status install(const snapshot::Kept& snapshot);
    /// The header of the tip. Error: the stores'.
    Result<std::string> tip_header() const;

    const order::Tip& tip() const { return tip_; }  // of the writing thread, or before it starts
    blocks::BlockStore& blocks() { return *blocks_; }
    state::StateStore& state() { return *state_; }
    state::PrivateStore& private_store() { return *private_; }
    snapshot::SnapshotStore& snapshots() { return *snapshots_; }

private:
    Chain(contract::Channels channels, base::Pool& pool, validate::CheckedBefore* checked_before);
    /// The config that this block brings, if it does; its record joins the batch.
    Result<std::shared_ptr<const contract::Channel>> next_epoch(std::uint64_t height, state::Batch& batch) const;
    Status begin_state(const std::filesystem::path& folder, const Options& options);
    Status begin_from_genesis_snapshot(const std::filesystem::path& source);
    Status check_genesis(const std::filesystem::path& folder) const;
    Status roll_forward(const std::filesystem::path& folder);
    Result<std::string> header_of(std::uint64_t height) const;
    Status load_tip();
    Result<AppliedBlock> apply(const proto::Block& block, const proto::BlockHeader& header);
    Error divergence(const proto::BlockHeader& header) const;

    contract::Channels channels_;
    validate::Validator validator_;
    std::unique_ptr<blocks::BlockStore> blocks_;
    std::unique_ptr<state::StateStore> state_;
    std::unique_ptr<state::PrivateStore> private_;
    std::unique_ptr<snapshot::SnapshotStore> snapshots_;
    order::Tip tip_;
    std::vector<proto::Outcome> last_outcomes_;  // of the tip, if applied since the start
};

/// Adds the epochs above the newest of `channels` that a state knows. Error: damaged.
Status load_epochs(contract::Channels& channels, const state::Snapshot& snapshot);

/// The tip as the rules on blocks want their parent.
validate::Parent parent_of(const order::Tip& tip);

}  // namespace fairstream::ledger::node
