#include "ledger/node/chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <ranges>

#include "base/assert.hpp"
#include "base/crash_point.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "identity/crypto/merkle.hpp"
#include "ledger/contract/configure.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/receipt/receipt.hpp"

namespace fairstream::ledger::node {

namespace {

/// The root of the newest block's outcomes lies beside the state it belongs to, in the same atomic write: the next
/// block must carry it. No contract's key begins like this.
constexpr std::string_view kOutcomesRootKey = "~ledger/outcomes_root";
/// And who does not lead after it (order::Absences).
constexpr std::string_view kAbsencesKey = "~ledger/absences";
/// And, under each epoch above 1, its ConfigEpoch.
std::string epoch_key(std::uint64_t epoch) {
    return fmt::format("~ledger/epoch/{:016x}", epoch);
}
constexpr std::uint32_t kAfterAllTransactions = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kOutcomesNamed = 8;

struct Opened {
    proto::Block block;
    proto::BlockHeader header;
};

/// The arguments of the config transaction that is valid in this block. Precondition: one is.
Bytes config_update_in(const proto::Block& block, const validate::BlockResult& result) {
    for (const auto& committed : result.committed) {
        const auto transaction =
            proto::decode<proto::Transaction>(block.transactions(static_cast<int>(committed.index)));
        FS_ASSERT(transaction.has_value());
        const auto proposal = proto::decode<proto::Proposal>(transaction->signed_proposal().proposal());
        FS_ASSERT(proposal.has_value());
        if (proposal->contract() == contract::kChannelContract)
            return to_bytes(std::string_view(proposal->arguments()));
    }
    FS_ASSERT(false);
    return {};
}

Result<Opened> open_block(const proto::DecidedBlock& decided) {
    FS_ASSIGN(auto block, proto::decode<proto::Block>(decided.block()));
    FS_ASSIGN(auto header, proto::decode<proto::BlockHeader>(block.header()));
    return Opened{std::move(block), std::move(header)};
}

}  // namespace

validate::Parent parent_of(const order::Tip& tip) {
    return {.height = tip.height, .hash = tip.hash, .time_us = tip.time_us, .outcomes_root = tip.outcomes_root};
}

Chain::Chain(contract::Channels channels, base::Pool& pool, validate::CheckedBefore* checked_before)
    : channels_(std::move(channels)), validator_(channels_, &pool, checked_before) {
    const auto genesis = channels_.genesis();
    tip_ = {.height = 0,
            .hash = genesis->genesis_hash(),
            .time_us = genesis->config().created_at_us(),
            .outcomes_root = validate::outcomes_root({}),
            .has_transactions = false,
            .absences = {}};
}

Result<std::unique_ptr<Chain>> Chain::open(const std::filesystem::path& folder, contract::Channels channels,
                                           base::Pool& pool, const Options& options) {
    auto chain = std::unique_ptr<Chain>(new Chain(std::move(channels), pool, options.checked_before));
    FS_ASSIGN(chain->blocks_, blocks::BlockStore::open(folder / "blocks", options.segment_bytes));
    FS_ASSIGN(chain->state_, state::StateStore::open(folder / "state"));
    FS_ASSIGN(chain->private_, state::PrivateStore::open(folder / "private"));
    FS_ASSIGN(chain->snapshots_, snapshot::SnapshotStore::open(folder / "snapshots"));
    FS_TRY(chain->check_genesis(folder));
    FS_TRY(chain->begin_state(folder, options));
    FS_TRY(chain->roll_forward(folder));
    return chain;
}

/// The oldest block follows from this genesis: by its parent's hash, or, where earlier ones are gone, by who signed it.
Status Chain::check_genesis(const std::filesystem::path& folder) const {
    const auto base = blocks_->base();
    if (blocks_->height() == base.height) return {};
    FS_ASSIGN(const auto first, blocks_->read(base.height + 1));
    FS_ASSIGN(const auto opened, open_block(first));
    const auto& expected =
        base.height == 0 ? channels_.genesis()->genesis_hash() : identity::crypto::sha256(as_bytes(base.header));
    if (!std::ranges::equal(as_bytes(opened.header.previous_hash()), expected) ||
        opened.header.channel() != channels_.genesis()->name())
        return fail("wrong_channel", folder.string() + ": these blocks do not follow from this genesis file");
    return {};
}

/// A state that can be rolled forward with the blocks that are here.
Status Chain::begin_state(const std::filesystem::path& folder, const Options& options) {
    const auto base = blocks_->base();
    if (base.height == 0) return begin_from_genesis_snapshot(options.genesis_snapshot);
    if (state_->height() >= base.height) return {};
    for (const auto& kept : snapshots_->all() | std::views::reverse) {
        if (kept.height < base.height || kept.height > blocks_->height()) continue;
        base::log_info("making the state from the snapshot of height {}", kept.height);
        return snapshots_->install(kept, *state_, *private_);
    }
    return fail("damaged", fmt::format("{}: the state is at height {}, blocks up to {} are no longer kept, and no "
                                       "snapshot is here; rejoin with an empty data folder",
                                       folder.string(), state_->height(), base.height));
}

Status Chain::begin_from_genesis_snapshot(const std::filesystem::path& source) {
    const auto& wanted = channels_.genesis()->config().genesis_snapshot();
    if (wanted.empty() || state_->height() > 0) return {};
    bool empty = true;
    FS_TRY(state_->rows()->scan([&](std::string_view, std::string_view) { return empty = false; }));
    if (!empty) return {};
    if (source.empty())
        return fail("bad_config", "the channel begins with a snapshot: say where it lies (genesis_snapshot)");
    FS_ASSIGN(const auto given, snapshot::SnapshotStore::open(source));
    const auto name = identity::crypto::to_hash(as_bytes(wanted));
    const auto found = name ? given->find(*name) : std::nullopt;
    if (!found || found->height != 0)
        return fail("bad_config", source.string() + " does not hold the snapshot that the genesis config names");
    return given->install(*found, *state_, *private_);
}

Status Chain::install(const snapshot::Kept& snapshot) {
    FS_ASSERT(snapshot.height > tip_.height);
    FS_ASSIGN(auto manifest, snapshot::parse_manifest(snapshot.manifest));
    FS_TRY(blocks_->restart_after({.height = snapshot.height, .header = std::move(*manifest.mutable_header())}));
    FS_TRY(snapshots_->install(snapshot, *state_, *private_));
    FS_TRY(load_epochs(channels_, *state_->snapshot()));
    last_outcomes_.clear();
    return load_tip();
}

Result<std::string> Chain::header_of(std::uint64_t height) const {
    auto base = blocks_->base();
    if (height == base.height) return std::move(base.header);
    FS_ASSIGN(const auto decided, blocks_->read(height));
    FS_ASSIGN(auto block, proto::decode<proto::Block>(decided.block()));
    return std::move(*block.mutable_header());
}

Result<std::string> Chain::tip_header() const {
    return header_of(tip_.height);
}

Status Chain::roll_forward(const std::filesystem::path& folder) {
    if (state_->height() > blocks_->height())
        return fail("damaged", fmt::format("{}: the state is at height {}, but the block files end at {}",
                                           folder.string(), state_->height(), blocks_->height()));
    FS_TRY(load_epochs(channels_, *state_->snapshot()));
    FS_TRY(load_tip());
    if (state_->height() < blocks_->height())
        base::log_info("applying blocks {} to {} to the state", state_->height() + 1, blocks_->height());
    for (std::uint64_t height = state_->height() + 1; height <= blocks_->height(); ++height) {
        FS_ASSIGN(const auto decided, blocks_->read(height));
        FS_ASSIGN(const auto next, open_block(decided));
        if (auto applied = apply(next.block, next.header); !applied) return fail(std::move(applied).error());
    }
    return {};
}

Status load_epochs(contract::Channels& channels, const state::Snapshot& snapshot) {
    for (auto known = channels.newest();; known = channels.newest()) {
        FS_ASSIGN(const auto entry, snapshot.get(epoch_key(known->epoch() + 1)));
        if (!entry) return {};
        const auto epoch = proto::decode<proto::ConfigEpoch>(entry->value);
        auto next = epoch ? known->successor(as_bytes(epoch->config())) : fail(epoch.error());
        if (!next)
            return fail("damaged", fmt::format("the state's record of config epoch {}: {}", known->epoch() + 1,
                                               next.error().message));
        channels.add(epoch->from_height(), std::move(*next));
    }
}

Result<std::shared_ptr<const contract::Channel>> Chain::next_epoch(std::uint64_t height, state::Batch& batch) const {
    const auto change = std::ranges::find(batch.changes, contract::kFullConfigKey, &state::Batch::Change::key);
    if (change == batch.changes.end() || !change->value) return nullptr;
    FS_ASSIGN(auto next, channels_.at(height)->successor(*change->value));
    proto::ConfigEpoch epoch;
    epoch.set_from_height(height + 1);
    epoch.set_config(proto::as_field(*change->value));
    batch.changes.push_back({epoch_key(next->epoch()), proto::encode(epoch), {height, kAfterAllTransactions}});
    return next;
}

Status Chain::load_tip() {
    const std::uint64_t height = state_->height();
    if (height == 0) return {};
    FS_ASSIGN(const auto header_bytes, header_of(height));
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(header_bytes));
    const auto snapshot = state_->snapshot();
    const Hash hash = identity::crypto::sha256(as_bytes(header_bytes));
    FS_ASSIGN(const auto known, snapshot->block_hash(height));
    FS_ASSIGN(const auto root_entry, snapshot->get(kOutcomesRootKey));
    const auto root = root_entry ? identity::crypto::to_hash(root_entry->value) : fail("not_found", "");
    if (known != hash || !root)
        return fail("damaged", fmt::format("the state at height {} does not belong to the stored block {}", height,
                                           base::to_hex(hash)));
    FS_ASSIGN(const auto absences_entry, snapshot->get(kAbsencesKey));
    FS_ASSIGN(auto absences, order::decode_absences(absences_entry ? ByteView(absences_entry->value) : ByteView{}));
    tip_ = {.height = height,
            .hash = hash,
            .time_us = header.time_us(),
            .outcomes_root = *root,
            .has_transactions = header.transactions_root() != as_text(identity::crypto::merkle_root({})),
            .absences = std::move(absences)};
    return {};
}

Result<AppliedBlock> Chain::commit(const proto::DecidedBlock& decided) {
    FS_ASSIGN(const auto opened, open_block(decided));
    if (!std::ranges::equal(as_bytes(opened.header.previous_outcomes_root()), tip_.outcomes_root))
        return fail(divergence(opened.header));
    FS_TRY(blocks_->append(opened.header.height(), decided));
    base::crash_point("chain.after_block");
    return apply(opened.block, opened.header);
}

Result<AppliedBlock> Chain::apply(const proto::Block& block, const proto::BlockHeader& header) {
    FS_ASSIGN(auto result, validator_.validate(*state_->snapshot(), block));
    AppliedBlock applied;
    for (const auto& committed : result.committed) {
        if (committed.private_writes.empty()) continue;
        base::crash_point("chain.before_private");
        if (auto stored = private_->commit(committed.id, committed.private_writes); !stored)
            return fail(std::move(stored).error());
        applied.private_writes = true;
    }
    result.batch.changes.push_back(
        {std::string(kOutcomesRootKey), to_bytes(result.outcomes_root), {header.height(), kAfterAllTransactions}});
    auto absences = order::absences_after(*channels_.at(header.height()), tip_.absences, header);
    if (absences != tip_.absences)
        result.batch.changes.push_back(
            {std::string(kAbsencesKey), order::encode_absences(absences), {header.height(), kAfterAllTransactions}});
    FS_ASSIGN(applied.channel, next_epoch(header.height(), result.batch));
    if (applied.channel)
        result.batch.changes.push_back({receipt::config_update_key(applied.channel->epoch()),
                                        config_update_in(block, result),
                                        {header.height(), kAfterAllTransactions}});
    base::crash_point("chain.before_state");
    FS_TRY(state_->apply(result.batch));
    base::crash_point("chain.after_state");
    if (applied.channel) channels_.add(header.height() + 1, applied.channel);
    for (const auto& outcome : result.outcomes)
        if (const auto id = identity::crypto::to_hash(as_bytes(outcome.transaction_id())))
            applied.transactions.push_back(*id);
    tip_ = {.height = header.height(),
            .hash = blocks::block_hash(block),
            .time_us = header.time_us(),
            .outcomes_root = result.outcomes_root,
            .has_transactions = block.transactions_size() > 0,
            .absences = std::move(absences)};
    last_outcomes_ = result.outcomes;
    const auto interval = channels_.at(header.height())->config().limits().snapshot_interval_blocks();
    if (interval != 0 && header.height() % interval == 0) {
        applied.rows = state_->rows();
        applied.header = block.header();
    }
    applied.tip = tip_;
    applied.outcomes = std::move(result.outcomes);
    return applied;
}

Error Chain::divergence(const proto::BlockHeader& header) const {
    std::string own;
    for (std::size_t i = 0; i < std::min(last_outcomes_.size(), kOutcomesNamed); ++i)
        own += fmt::format("{}{} {}", own.empty() ? "" : ", ",
                           proto::short_id(as_bytes(last_outcomes_[i].transaction_id())),
                           proto::ValidationCode_Name(last_outcomes_[i].code()));
    return {
        "diverged",
        fmt::format("the outcomes of block {} differ: block {} was decided over root {}, this node found {}. Its "
                    "transactions here: [{}]. This node's state cannot be trusted; rejoin with an empty data folder",
                    tip_.height, header.height(), base::to_hex(as_bytes(header.previous_outcomes_root())),
                    base::to_hex(tip_.outcomes_root), own)};
}

}  // namespace fairstream::ledger::node
