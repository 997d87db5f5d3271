#include <algorithm>

#include "ledger/order/replica.hpp"

namespace fairstream::ledger::order {

namespace {

constexpr std::chrono::milliseconds kFetchPause{200};
/// How long blocks are asked for on the word of f members or fewer, who may all lie: the pauses double up to this.
constexpr std::chrono::seconds kLongestLagPatience{10};

Monotonic milliseconds(std::uint32_t count) {
    return std::chrono::milliseconds(count);
}

}  // namespace

void Replica::on(Tick) {
    armed_.reset();
    if (decided_) return;
    if (propose_at_ && *propose_at_ <= now_) build();
    if (fetch_at_ && *fetch_at_ <= now_) ask_for_blocks();
    if (round_ends_ && *round_ends_ <= now_) on_round_timeout();
}

/// There is something to decide at this height: transactions wait, outcomes are unsealed, or f + 1 members speak of it,
/// so that one that is honest has a reason; a prepared block is the word of q. Fewer cannot make the others work.
bool Replica::has_reason() const {
    return waiting_.any || tip_.has_transactions || prepared_ || heard_.size() > channel_->faults();
}

/// The round's time runs from now on, `delay_ms` later if that is when its leader will first propose.
void Replica::activate(std::uint32_t delay_ms) {
    if (!round_ends_) round_ends_ = now_ + milliseconds(delay_ms) + round_timeout(round_);
}

/// When this node, if it leads round 0, proposes: at once if a block is full or the last one is long enough ago, else
/// after gathering; an empty block once nothing has come for a while and outcomes are unsealed.
void Replica::plan_proposal() {
    propose_at_.reset();
    if (round_ != 0 || building_ || proposal_ || !leads(0) || !may_vote(Step::kPropose)) return;
    const auto& limits = channel_->config().limits();
    if (waiting_.full_block)
        propose_at_ = now_;
    else if (waiting_.any)
        propose_at_ = began_ + milliseconds(limits.block_interval_ms());
    else if (tip_.has_transactions)
        propose_at_ = began_ + milliseconds(limits.seal_after_ms());
    if (propose_at_ && *propose_at_ <= now_) build();
}

void Replica::build() {
    propose_at_.reset();
    building_ = true;
    // Above round 0 an empty block ends the height where others have nothing waiting.
    act(BuildBlock{height_, round_, tip_, /*empty_allowed=*/round_ > 0 || tip_.has_transactions});
}

/// Members that speak of heights above: either this node decides soon, or it asks for the blocks.
void Replica::watch_lag() {
    if (!decided_ && !fetch_at_ && members_ahead() > 0) fetch_at_ = now_ + lag_patience_;
}

std::size_t Replica::members_ahead() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(heights_seen_, [this](const auto& seen) { return seen.second > height_; }));
}

void Replica::ask_for_blocks() {
    fetch_at_.reset();
    if (channel_->nodes().size() == 1) return;
    act(FetchBlocks{height_});
    const auto ahead = members_ahead();
    if (ahead > channel_->faults()) {  // an honest one is
        fetch_at_ = now_ + kFetchPause;
    } else if (ahead > 0 && lag_patience_ < kLongestLagPatience) {
        lag_patience_ = std::min<Monotonic>(2 * lag_patience_, kLongestLagPatience);
        fetch_at_ = now_ + lag_patience_;
    } else {
        heights_seen_.clear();
    }
}

/// q members have come to this round: its time runs from here, so that it runs for all at nearly the same time.
void Replica::reach_round() {
    if (reached_) return;
    reached_ = true;
    if (round_ > 0) round_ends_ = now_ + round_timeout(round_);
}

/// A round is left only when q members have reached it, as PBFT does (Castro and Liskov, OSDI 1999, 4.5.2): otherwise
/// its own votes are sent again. So honest members never drift apart, however long a partition lasts.
void Replica::on_round_timeout() {
    if (!has_reason()) {  // what waited is gone, and others are content: silence
        round_ends_.reset();
        return;
    }
    ask_for_blocks();
    if (reached_ && round_ < kMaxRound) return start_round_change(round_ + 1);
    for (const auto& message : sent_) act(Broadcast{message});
    round_ends_ = now_ + round_timeout(round_);
}

/// Grows by half each round, up to the limit.
Monotonic Replica::round_timeout(std::uint32_t round) const {
    const auto& limits = channel_->config().limits();
    const auto most = milliseconds(limits.max_round_timeout_ms());
    auto timeout = milliseconds(limits.round_timeout_ms());
    for (std::uint32_t i = 0; i < round && timeout < most; ++i) timeout += timeout / 2;
    return std::min(timeout, most);
}

void Replica::arm_timer() {
    if (decided_) return;
    std::optional<Monotonic> next;
    for (const auto& deadline : {propose_at_, fetch_at_, round_ends_})
        if (deadline && (!next || *deadline < *next)) next = deadline;
    if (!next || next == armed_) return;
    armed_ = next;
    act(SetTimer{*next});
}

}  // namespace fairstream::ledger::order
