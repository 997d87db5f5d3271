#include "ledger/order/replica.hpp"

#include "base/assert.hpp"
#include "ledger/order/certificates.hpp"
#include "ledger/order/planted.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::order {

Replica::Replica(std::shared_ptr<const Channel> channel, std::string self, Sign sign)
    : channel_(std::move(channel)), self_(std::move(self)), sign_(std::move(sign)) {}

std::vector<Action> Replica::step(Event event, Monotonic now) {
    FS_ASSERT(now >= now_);
    FS_ASSERT(started_ != std::holds_alternative<Start>(event));  // once, first
    now_ = now;
    std::visit([this](auto& one) { on(std::move(one)); }, event);
    arm_timer();

    auto actions = std::exchange(persists_, {});
    std::move(actions_.begin(), actions_.end(), std::back_inserter(actions));
    actions_.clear();
    return actions;
}

void Replica::on(Start event) {
    started_ = true;
    holds_key_ = event.holds_key;
    if (planted(Bug::kForgetVotes)) event.recovered = {};
    position_ = event.recovered.last;
    recovered_ = std::move(event.recovered);
    begin_height(event.tip, event.waiting);
}

void Replica::on(Message event) {
    const auto at = position_of(event.received.body);
    const auto& node = event.received.envelope.node();
    const bool member = channel_->node(node) != nullptr || planted(Bug::kFormerLeader);
    if (node == self_ || at.height < height_ || !member) return;
    if (at.height == height_) {
        if (!decided_) take(std::move(event.received));
        return;
    }
    auto& seen = heights_seen_[node];
    seen = std::max(seen, at.height);
    if (at.height == height_ + 1) keep_early(std::move(event.received));
    watch_lag();
}

void Replica::on(WaitingChanged event) {
    waiting_ = event.waiting;
    if (decided_) return;
    if (waiting_.any) activate(channel_->config().limits().block_interval_ms());
    plan_proposal();
}

void Replica::on(Applied event) {
    FS_ASSERT(decided_ && event.tip.height == height_);
    if (event.channel) {
        channel_ = std::move(event.channel);
        // S5: what one that has left has claimed is no member's word.
        std::erase_if(heights_seen_, [this](const auto& seen) { return channel_->node(seen.first) == nullptr; });
    }
    holds_key_ = event.holds_key;
    begin_height(event.tip, event.waiting);
}

void Replica::on(CaughtUp event) {
    if (decided_ || event.certificate.height() != height_) return;
    const auto hash = hash_of(event.block);
    if (!hash || as_text(*hash) != event.certificate.block_hash()) {
        refuse(self_, {"wrong_block", "the fetched block is not the one that was committed"});
        return;
    }
    if (auto good = check_commits(*channel_, event.certificate); !good && !planted(Bug::kUncheckedCatchUp)) {
        refuse(self_, good.error());
        return;
    }
    // Any round may have first proposed it.
    if (auto good = check_header(event.block, {0, kMaxRound}); !good) {
        refuse(self_, good.error());
        return;
    }
    decide(std::move(event.block), *hash, std::move(event.certificate));
}

void Replica::begin_height(const Tip& tip, Waiting waiting) {
    tip_ = tip;
    height_ = tip.height + 1;
    round_ = 0;
    if (quorum_ == 0 || !planted(Bug::kOlderQuorum)) quorum_ = channel_->quorum();
    decided_ = false;
    waiting_ = waiting;
    began_ = now_;
    prepared_.reset();
    prepared_block_.clear();
    for (auto* slots : {&prepares_, &commits_, &round_changes_}) slots->clear();
    checked_.clear();
    persisted_.clear();
    heard_.clear();
    fetch_at_.reset();
    lag_patience_ = kLagPatience;
    round_ends_.reset();
    enter_round(0);

    const auto& limits = channel_->config().limits();
    if (waiting_.any)
        activate(limits.block_interval_ms());
    else if (tip_.has_transactions)
        activate(limits.seal_after_ms());
    restore();
    if (!decided_) plan_proposal();
    watch_lag();

    auto early = std::exchange(early_, {});
    for (auto& [key, received] : early)
        if (!decided_) take(std::move(received));
}

/// Takes up the votes cast before a restart, and sends those of the last round again, byte for byte (W1).
void Replica::restore() {
    if (recovered_.last.height != height_ || !holds_key_) return;
    const auto recovered = std::exchange(recovered_, {});
    for (const auto& [hash, block] : recovered.blocks) persisted_.insert(hash);
    if (recovered.prepared) {
        prepared_ = recovered.prepared;
        prepared_block_ = recovered.blocks.at(prepared_->block_hash);
    }
    enter_round(recovered.last.round);
    if (recovered.last.step > Step::kRoundChange) reach_round();
    for (auto vote : recovered.votes) {
        const auto body = proto::decode<proto::OrderMessage>(vote.body());
        FS_ASSERT(body.has_value());  // `recover` parsed it
        const auto& named = body->has_propose()        ? body->propose().block_hash()
                            : body->has_round_change() ? body->round_change().prepared_block_hash()
                                                       : std::string();
        const auto block = recovered.blocks.find(identity::crypto::to_hash(as_bytes(named)).value_or(Hash{}));
        if (block != recovered.blocks.end()) vote.set_block(proto::as_field(block->second));
        restore_vote({std::move(vote), *body});
    }
    if (const auto own = prepares_.find(self_); own != prepares_.end() && own->second.round == round_) {
        const auto block = recovered.blocks.find(own->second.block_hash);
        if (block != recovered.blocks.end()) proposal_ = Proposal{block->first, block->second, /*checked=*/true};
    }
    for (const auto& message : sent_) act(Broadcast{message});
    if (has_reason()) activate(0);
    try_commit();
    if (const auto own = commits_.find(self_); !decided_ && own != commits_.end())
        decide_if_committed(own->second.block_hash);
    if (!decided_) lead();
}

void Replica::restore_vote(Received own) {
    const auto at = position_of(own.body);
    if (at.round == round_) sent_.push_back(own.envelope);
    const auto slot = [&](const std::string& hash) {
        return Slot{at.round, identity::crypto::to_hash(as_bytes(hash)).value_or(Hash{}), own};
    };
    switch (at.step) {
        case Step::kRoundChange:
            round_changes_[self_] = slot(own.body.round_change().prepared_block_hash());
            break;
        case Step::kPropose:
            if (at == position_ && !own.envelope.block().empty()) {
                // What others had prepared, proposed again and not yet checked here.
                const auto hash = slot(own.body.propose().block_hash()).block_hash;
                proposal_ = Proposal{hash, to_bytes(as_bytes(own.envelope.block()))};
                act(CheckBlock{height_, hash, proposal_->block, /*fresh=*/false});
            }
            break;
        case Step::kPrepare:
            prepares_[self_] = slot(own.body.prepare().block_hash());
            break;
        case Step::kCommit:
            commits_[self_] = slot(own.body.commit().block_hash());
            break;
    }
}

void Replica::take(Received received) {
    if (received.body.config_epoch() != channel_->epoch() && !planted(Bug::kAnyEpoch) && !planted(Bug::kOlderVotes))
        return;  // S5: sent, or checked, before the config changed
    heard_.insert(received.envelope.node());
    if (has_reason()) activate(0);
    switch (received.body.step_case()) {
        case proto::OrderMessage::kPropose:
            return on_propose(std::move(received));
        case proto::OrderMessage::kPrepare:
            return on_prepare(std::move(received));
        case proto::OrderMessage::kCommit:
            return on_commit(std::move(received));
        case proto::OrderMessage::kRoundChange:
            return on_round_change(std::move(received));
        case proto::OrderMessage::STEP_NOT_SET:
            return;
    }
}

/// One message per member and step bounds the memory. Who leads the next height follows from this one's header.
void Replica::keep_early(Received received) {
    const auto at = position_of(received.body);
    auto& kept = early_[{received.envelope.node(), at.step}];
    if (kept.envelope.body().empty() || position_of(kept.body) < at) kept = std::move(received);
}

/// Casts an own vote: signed once, durable before it is sent, never at or below an earlier one (S1, W1).
Received Replica::vote(proto::OrderMessage body, Bytes block) {
    body.set_config_epoch(channel_->epoch());
    const auto at = position_of(body);
    FS_ASSERT((at > position_ || planted(Bug::kPrepareTwice) || planted(Bug::kVoteBelowRound)) &&
              at.height == height_ && at.round == round_);
    position_ = at;
    Received own;
    own.envelope.set_node(self_);
    own.envelope.set_body(proto::as_field(proto::encode(body)));
    own.envelope.set_signature(proto::as_field(sign_(as_bytes(own.envelope.body()))));
    if (!planted(Bug::kSendFirst) && !(planted(Bug::kForgetRound) && body.has_round_change()))
        persist(vote_record(at, own.envelope));
    own.envelope.set_block(proto::as_field(block));
    own.body = std::move(body);
    sent_.push_back(own.envelope);
    act(Broadcast{own.envelope});
    return own;
}

/// S1, S4; and S5: who is no member of this epoch only follows.
bool Replica::may_vote(Step step) const {
    const Position at{height_, round_, step};
    const bool ahead =
        at > position_ || planted(Bug::kVoteBelowRound) || (planted(Bug::kPrepareTwice) && at == position_);
    const bool listed = holds_key_ && channel_->node(self_) != nullptr;
    return ahead && (listed || planted(Bug::kFollowerVotes));
}

void Replica::persist_block(const Position& at, const Hash& hash, const Bytes& block) {
    if (persisted_.insert(hash).second) persist(block_record(at, block));
}

bool Replica::refuse(const std::string& node, Error error) {
    act(Refused{node, std::move(error)});
    return false;
}

}  // namespace fairstream::ledger::order
