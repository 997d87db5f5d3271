#include "ledger/node/inspection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.hpp"
#include "base/pool.hpp"
#include "ledger/contract/configure.hpp"
#include "ledger/contract/keys.hpp"
#include "ledger/node/chain.hpp"
#include "ledger/order/evidence.hpp"
#include "ledger/order/wal.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"

namespace fairstream::ledger::node {

namespace {

constexpr std::uint64_t kProgressEvery = 1'000;
constexpr std::size_t kHelpers = 2;

/// Walks the chain of headers and, with `replay`, does again what the blocks say.
class Replay {
public:
    Replay(contract::Channels channels, bool execute) : channels_(std::move(channels)), execute_(execute) {
        const auto genesis = channels_.genesis();
        parent_ = {.height = 0,
                   .hash = genesis->genesis_hash(),
                   .time_us = genesis->config().created_at_us(),
                   .outcomes_root = validate::outcomes_root({})};
    }

    Status block(std::uint64_t height, const proto::DecidedBlock& decided) {
        FS_ASSIGN(const auto content, proto::decode<proto::Block>(decided.block()));
        FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(content.header()));
        if (height != header.height())
            return fail("damaged", fmt::format("the block stored as {} is block {}", height, header.height()));
        if (height == parent_.height + 1 && header.previous_hash() != as_text(parent_.hash))
            return fail("damaged", fmt::format("block {} does not follow the one before it", height));
        if (execute_) FS_TRY(again(content, header, decided));
        parent_.height = height;
        parent_.hash = blocks::block_hash(content);
        parent_.time_us = header.time_us();
        return {};
    }

    const state::StateStore& state() const { return *state_; }

private:
    Status again(const proto::Block& block, const proto::BlockHeader& header, const proto::DecidedBlock& decided) {
        const auto channel = channels_.at(header.height());
        FS_ASSIGN(const auto certificate, proto::decode<proto::CommitCertificate>(decided.certificate()));
        FS_TRY(named(header.height(),
                     validate::check_certificate(*channel, certificate, header.height(), blocks::block_hash(block))));
        const auto good = validate::check_block(*channel, parent_, block);
        if (!good && good.error().code == "wrong_outcomes") return fail(divergence(header));
        if (!good) return named(header.height(), fail(good.error()));
        FS_ASSIGN(auto result, validator_.validate(*state_->snapshot(), block));
        const auto change =
            std::ranges::find(result.batch.changes, contract::kFullConfigKey, &state::Batch::Change::key);
        if (change != result.batch.changes.end() && change->value) {
            FS_ASSIGN(auto next, channel->successor(*change->value));
            channels_.add(header.height() + 1, std::move(next));
        }
        FS_TRY(state_->apply(result.batch));
        parent_.outcomes_root = result.outcomes_root;
        outcomes_ = std::move(result.outcomes);
        return {};
    }

    static Status named(std::uint64_t height, const Status& status) {
        if (status) return {};
        return fail(status.error().code, fmt::format("block {}: {}", height, status.error().message));
    }

    Error divergence(const proto::BlockHeader& header) const {
        return {"diverged", fmt::format("block {} carries another root of block {}'s outcomes than executing it again "
                                        "gives ({} transactions)",
                                        header.height(), parent_.height, outcomes_.size())};
    }

    contract::Channels channels_;
    const bool execute_;
    base::Pool pool_{kHelpers};
    validate::Validator validator_{channels_, &pool_};
    validate::Parent parent_;
    std::unique_ptr<state::StateStore> state_ = state::memory_state();
    std::vector<proto::Outcome> outcomes_;
};

void look_at_votes(const InspectionOptions& options, Inspection& found) {
    const auto guard = options.guard_file.empty() ? options.data_folder / "votes.guard" : options.guard_file;
    const auto votes = order::VoteLog::inspect({options.data_folder / "votes.log", guard});
    if (!votes) {
        found.problems.push_back("votes: " + votes.error().message);
        return;
    }
    found.last_vote = votes->last;
    found.guard = votes->guard;
    found.vote_log_bytes = votes->bytes;
    if (votes->last < votes->guard && votes->guard.height > found.blocks.last)
        found.problems.push_back(
            fmt::format("votes: the log ends at {}, but this key has voted at {}: the node must not "
                        "vote with this key again",
                        to_text(votes->last), to_text(votes->guard)));
}

/// Contracts' rows of both states, key by key.
Status compare(const state::StateStore& stored, const state::StateStore& replayed) {
    const auto one = stored.snapshot();
    const auto two = replayed.snapshot();
    constexpr std::uint32_t kPage = 1'000;
    std::string from = "!";
    while (true) {
        FS_ASSIGN(const auto mine, one->range(from, "~", kPage));
        FS_ASSIGN(const auto theirs, two->range(from, "~", kPage));
        for (std::size_t i = 0; i < std::max(mine.size(), theirs.size()); ++i) {
            const bool same = i < mine.size() && i < theirs.size() && mine[i].key == theirs[i].key &&
                              mine[i].value == theirs[i].value && mine[i].version == theirs[i].version;
            if (same) continue;
            const auto& key = i < mine.size() ? mine[i].key : theirs[i].key;
            return fail("diverged",
                        "the stored state differs from what the blocks say, first at " + contract::printable(key));
        }
        if (mine.size() < kPage) return {};
        from = mine.back().key + '\0';
    }
}

/// `epochs`: those that the state knows.
void look_at_state(const InspectionOptions& options, contract::Channels& epochs, const Replay& replay,
                   Inspection& found) {
    const auto stored = state::StateStore::open_read_only(options.data_folder / "state");
    if (!stored) {
        found.problems.push_back("state: " + stored.error().message);
        return;
    }
    found.state_height = (*stored)->height();
    if (auto loaded = load_epochs(epochs, *(*stored)->snapshot()); !loaded)
        found.problems.push_back("state: " + loaded.error().message);
    found.config_epoch = epochs.newest()->epoch();
    if (found.state_height > found.blocks.last)
        found.problems.push_back(
            fmt::format("state: at height {}, but the blocks end at {}", found.state_height, found.blocks.last));
    if (found.replayed == 0 || found.replayed != found.state_height) return;
    if (auto same = compare(**stored, replay.state()); !same)
        found.problems.push_back("state: " + same.error().message);
}

Evidence judged(const order::DoubleVote& proof, const contract::Channels& epochs) {
    Evidence out;
    out.node = contract::printable(proof.first.node());
    const auto vote = proto::decode<proto::OrderMessage>(proof.first.body());
    if (!vote) {
        out.why_not = vote.error().message;
        return out;
    }
    out.at = order::position_of(*vote);
    out.config_epoch = vote->config_epoch();
    const auto all = epochs.all();
    const auto epoch = std::ranges::find(all, out.config_epoch, &contract::Channel::epoch);
    const auto proven = epoch != all.end() ? order::check_evidence(**epoch, proof)
                                           : fail("wrong_epoch", "the state here does not know that config epoch");
    out.proven = proven.has_value();
    if (!proven) out.why_not = proven.error().message;
    return out;
}

void look_at_evidence(const InspectionOptions& options, const contract::Channels& epochs, Inspection& found) {
    const auto folder = options.data_folder / "evidence";
    const auto kept = order::EvidenceStore::read(folder);
    if (!kept) {
        found.problems.push_back("evidence: " + kept.error().message);
        return;
    }
    std::size_t files = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator file(folder, error), end; !error && file != end; file.increment(error))
        files += file->path().extension() == ".proof" ? 1 : 0;
    if (files > kept->size())
        found.problems.push_back(fmt::format("evidence: {} of {} files in {} cannot be read as two votes",
                                             files - kept->size(), files, folder.string()));
    for (const auto& proof : *kept) {
        const auto& one = found.evidence.emplace_back(judged(proof, epochs));
        if (!one.proven)
            found.problems.push_back(fmt::format("evidence: the two votes kept of {} for {} prove nothing: {}",
                                                 one.node, to_text(one.at), one.why_not));
    }
}

}  // namespace

Result<Inspection> inspect(const InspectionOptions& options) {
    FS_ASSIGN(const auto genesis, contract::Channel::make(options.genesis));
    if (!std::filesystem::exists(options.data_folder))
        return fail("not_found", "no folder " + options.data_folder.string());
    Inspection found;
    Replay replay(genesis, options.replay);
    bool pruned = false;
    auto walked = blocks::walk(options.data_folder / "blocks", [&](std::uint64_t height, const auto& block) -> Status {
        if (found.blocks.last == 0 && height != 1) pruned = true;
        found.blocks.last = height;
        if (options.replay && pruned) return {};  // what came before is not here to be executed
        FS_TRY(replay.block(height, block));
        if (options.replay) found.replayed = height;
        if (options.progress && height % kProgressEvery == 0) options.progress(height);
        return {};
    });
    if (walked)
        found.blocks = *walked;
    else
        found.problems.push_back("blocks: " + walked.error().message);
    look_at_votes(options, found);
    contract::Channels epochs(genesis);
    look_at_state(options, epochs, replay, found);
    look_at_evidence(options, epochs, found);
    return found;
}

}  // namespace fairstream::ledger::node
