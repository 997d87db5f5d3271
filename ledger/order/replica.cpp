#include "ledger/order/replica.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "ledger/order/certificates.hpp"
#include "ledger/proto/wire.hpp"

/// Heights, timers and recovery; rounds.cpp has PROPOSE and ROUND-CHANGE, votes.cpp PREPARE, COMMIT and the decision.
namespace fairstream::ledger::order {

namespace {

using std::chrono::milliseconds;

/// Others are one height ahead for a moment in every block; only longer than this is it lag.
constexpr milliseconds kLagPatience{100};
constexpr milliseconds kFetchPause{200};

}  // namespace

Replica::Replica(std::shared_ptr<const Channel> channel, std::string self, Sign sign)
    : channel_(std::move(channel)), self_(std::move(self)), sign_(std::move(sign)) {
    FS_ASSERT(channel_->node(self_) != nullptr);
}

const std::string& Replica::leader(const Channel& channel, std::uint64_t height, std::uint32_t round) {
    const auto& nodes = channel.nodes();
    return nodes[(height + round) % nodes.size()].name;
}

std::vector<Action> Replica::step(Event event, Monotonic now) {
    FS_ASSERT(now >= now_);
    now_ = now;
    persists_.clear();
    actions_.clear();
    std::visit([this](auto& one) { on(std::move(one)); }, event);
    arm_timer();
    std::vector<Action> all(std::make_move_iterator(persists_.begin()), std::make_move_iterator(persists_.end()));
    std::move(actions_.begin(), actions_.end(), std::back_inserter(all));
    return all;
}

void Replica::on(Start event) {
    FS_ASSERT(!started_);
    started_ = true;
    recovered_ = std::move(event.recovered);
    position_ = recovered_.last;
    begin_height(event.tip, event.waiting);
    if (recovered_.last.height == height_) restore();
    recovered_ = {};
}

void Replica::on(Message event) {
    if (started_) take(std::move(event.received));
}

void Replica::on(WaitingChanged event) {
    waiting_ = event.waiting;
    if (started_ && !decided_) plan_proposal();
}

void Replica::on(Applied event) {
    FS_ASSERT(decided_ && event.tip.height == height_);
    begin_height(event.tip, event.waiting);
}

void Replica::on(Tick) {
    if (!started_ || decided_) return;
    if (propose_at_ && now_ >= *propose_at_) {
        propose_at_.reset();
        building_ = true;
        act(BuildBlock{.height = height_, .round = round_, .parent = tip_, .empty_allowed = tip_.has_transactions});
    }
    if (round_ends_ && now_ >= *round_ends_) on_round_timeout();
    const bool lags = std::any_of(heights_seen_.begin(), heights_seen_.end(),
                                  [this](const auto& seen) { return seen.second > height_; });
    if (lags && now_ >= next_fetch_) ask_for_blocks();
}

void Replica::begin_height(const Tip& tip, Waiting waiting) {
    tip_ = tip;
    height_ = tip.height + 1;
    round_ = 0;
    decided_ = false;
    waiting_ = waiting;
    proposal_.reset();
    prepared_.reset();
    prepared_block_.clear();
    prepares_.clear();
    commits_.clear();
    round_changes_.clear();
    justification_.clear();
    sent_.clear();
    building_ = false;
    began_ = now_;
    propose_at_.reset();
    round_ends_.reset();
    next_fetch_ = now_ + kLagPatience;
    if (position_.height == height_) return;  // restore() goes on from there
    plan_proposal();
    for (auto& [from, received] : std::exchange(early_, {})) take(std::move(received));
}

/// Goes on where the votes of before the crash stand, and says the same again, byte for byte (W1).
void Replica::restore() {
    round_ = position_.round;
    bool checked = false;  // this node has vouched for the proposal before
    prepared_ = recovered_.prepared;
    if (prepared_) prepared_block_ = recovered_.blocks.at(prepared_->block_hash);
    for (auto& vote : recovered_.votes) {
        auto body = proto::decode<proto::OrderMessage>(vote.body());
        FS_ASSERT(body.has_value());
        const auto at = position_of(*body);
        if (at.round != round_) continue;
        const auto& hash = at.step == Step::kPropose   ? body->propose().block_hash()
                           : at.step == Step::kPrepare ? body->prepare().block_hash()
                           : at.step == Step::kCommit  ? body->commit().block_hash()
                                                       : body->round_change().prepared_block_hash();
        const auto known = identity::crypto::to_hash(as_bytes(hash));
        const auto block = known ? recovered_.blocks.find(*known) : recovered_.blocks.end();
        if (block != recovered_.blocks.end()) {
            if (at.step != Step::kRoundChange) proposal_ = Proposal{.block_hash = *known, .block = block->second};
            checked = checked || at.step == Step::kPrepare || at.step == Step::kCommit;
            if (at.step == Step::kPropose || at.step == Step::kRoundChange)
                vote.set_block(proto::as_field(block->second));
        }
        Received own{.envelope = vote, .body = std::move(*body)};
        if (at.step == Step::kPrepare) keep_vote(prepares_, own, at.round, hash);
        if (at.step == Step::kCommit) keep_vote(commits_, own, at.round, hash);
        if (at.step == Step::kRoundChange) round_changes_[self_] = Slot{.round = at.round, .received = own};
        send(own.envelope);
    }
    activate();
    if (proposal_ && checked) {
        proposal_->checked = true;
        prepare();
    } else if (proposal_) {
        act(CheckBlock{
            .height = height_, .block_hash = proposal_->block_hash, .block = proposal_->block, .fresh = false});
    }
    if (decided_) return;
    plan_proposal();
    for (auto& [from, received] : std::exchange(early_, {})) take(std::move(received));
}

void Replica::take(Received received) {
    const auto at = position_of(received.body);
    if (at.height < height_) return;
    if (at.height > height_ || decided_) {
        note_height(received.envelope.node(), at.height);
        if (at.height == height_ + 1) keep_for_next_height(std::move(received));
        return;
    }
    activate();
    switch (at.step) {
        case Step::kPropose:
            return on_propose(std::move(received));
        case Step::kPrepare:
            return on_prepare(std::move(received));
        case Step::kCommit:
            return on_commit(std::move(received));
        case Step::kRoundChange:
            return on_round_change(std::move(received));
    }
}

/// One per member and step, the newest: what a hostile member can make us keep is bounded.
void Replica::keep_for_next_height(Received received) {
    const auto at = position_of(received.body);
    auto& slot = early_[{received.envelope.node(), at.step}];
    if (slot.envelope.node().empty() || position_of(slot.body) < at) slot = std::move(received);
}

void Replica::note_height(const std::string& node, std::uint64_t height) {
    auto& seen = heights_seen_[node];
    seen = std::max(seen, height);
    if (decided_) return;
    if (height > height_ + 1 && now_ >= next_fetch_) ask_for_blocks();
}

void Replica::ask_for_blocks() {
    next_fetch_ = now_ + kFetchPause;
    act(FetchBlocks{.from = height_});
}

/// The round's timer runs from the first sign that this height is wanted.
void Replica::activate() {
    if (!round_ends_) round_ends_ = now_ + round_timeout(round_);
}

void Replica::plan_proposal() {
    const milliseconds gather(channel_->config().limits().block_interval_ms());
    const milliseconds seal_after(channel_->config().limits().seal_after_ms());
    std::optional<Monotonic> due;
    if (waiting_.any)
        due = waiting_.full_block ? now_ : std::max<Monotonic>(now_, began_ + gather);
    else if (tip_.has_transactions)
        due = std::max<Monotonic>(now_, began_ + seal_after);
    if (!due) return;
    if (!round_ends_) round_ends_ = *due + round_timeout(round_);
    if (round_ != 0 || !leads(0) || voted(Step::kPropose) || proposal_ || building_) return;
    propose_at_ = propose_at_ ? std::min(*propose_at_, *due) : *due;
}

void Replica::on_round_timeout() {
    act(FetchBlocks{.from = height_});  // perhaps the others are through with this height
    start_round_change(round_ + 1);
}

Monotonic Replica::round_timeout(std::uint32_t round) const {
    const auto& limits = channel_->config().limits();
    std::uint64_t timeout_ms = limits.round_timeout_ms();
    for (std::uint32_t r = 0; r < round && timeout_ms < limits.max_round_timeout_ms(); ++r)
        timeout_ms += timeout_ms / 2 + 1;
    return milliseconds(std::min<std::uint64_t>(timeout_ms, limits.max_round_timeout_ms()));
}

void Replica::arm_timer() {
    if (!started_ || decided_) return;
    std::optional<Monotonic> next = propose_at_;
    const auto also = [&](Monotonic deadline) { next = next ? std::min(*next, deadline) : deadline; };
    if (round_ends_) also(*round_ends_);
    for (const auto& [node, height] : heights_seen_)
        if (height > height_) also(next_fetch_);
    if (!next || next == armed_) return;
    armed_ = next;
    act(SetTimer{.deadline = *next});
}

void Replica::send(const proto::SignedOrderMessage& message) {
    sent_.push_back(message);
    act(Broadcast{message});
}

bool Replica::voted(Step step) const {
    return position_ >= Position{height_, round_, step};
}

void Replica::refuse(const std::string& node, Error error) {
    act(Refused{.node = node, .error = std::move(error)});
}

}  // namespace fairstream::ledger::order
