#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ledger/order/leaders.hpp"
#include "ledger/order/messages.hpp"
#include "ledger/order/records.hpp"

namespace fairstream::ledger::order {

using Monotonic = std::chrono::microseconds;  // base::steady_now()

/// Others are a height ahead for a moment in every block; only longer than this is it lag.
constexpr std::chrono::milliseconds kLagPatience{100};

/// The end of this node's chain, applied: the parent of the next block.
struct Tip {
    std::uint64_t height = 0;       // 0: only the genesis config
    Hash hash{};                    // of the block's header; at height 0 the channel's genesis hash
    std::uint64_t time_us = 0;      // of the header; at height 0 the genesis config's created_at_us
    Hash outcomes_root{};           // of this block's outcomes; at height 0 the root of none
    bool has_transactions = false;  // its outcomes still need a block after it to be sealed
    Absences absences{};            // who does not lead the next height, as the headers up to here tell
};

/// What waits in the mempool.
struct Waiting {
    bool any = false;
    bool full_block = false;  // enough for a block as large as the limits allow: no use in gathering longer
    bool operator==(const Waiting&) const = default;
};

// ---- Events: what the shell tells the replica
// -------------------------------------------------------------------------

/// Once, first. `recovered` is what the vote log held.
struct Start {
    Tip tip;
    Recovered recovered;
    Waiting waiting;
    bool holds_key = true;  // false: this node has not the key that the config lists for it, and only follows
};
/// A message from another member, through verify_message.
struct Message {
    Received received;
};
/// The mempool changed.
struct WaitingChanged {
    Waiting waiting;
};
/// The answer to BuildBlock. An empty `block` means that nothing waits after all (only if BuildBlock did not ask for an
/// empty block in that case).
struct BlockBuilt {
    std::uint64_t height = 0;
    std::uint32_t round = 0;
    Bytes block;  // proto::Block
};
/// The answer to CheckBlock.
struct BlockChecked {
    std::uint64_t height = 0;
    Hash block_hash{};
    Status verdict;
};
/// The decided block of this height is durable and applied, and the vote log cut: the next height may begin (W4).
struct Applied {
    Tip tip;
    Waiting waiting;
    /// The config in force from the next height on, if this block changed it. A node that is no member of it votes no
    /// more and only follows.
    std::shared_ptr<const Channel> channel{};
    bool holds_key = true;  // as in Start, of the config now in force
};
/// A decided block fetched from a peer. The shell has checked its certificate's signatures and the block against our
/// tip (validate::check_certificate, check_block); the replica checks the rest and answers Decided.
struct CaughtUp {
    Bytes block;  // proto::Block
    proto::CommitCertificate certificate;
};
/// The deadline of the last SetTimer has come. Ticks at any other time do no harm.
struct Tick {};

using Event = std::variant<Start, Message, WaitingChanged, BlockBuilt, BlockChecked, Applied, CaughtUp, Tick>;

// ---- Actions: what the replica asks of the shell, to be done in this order
// --------------------------------------------

/// Make this record durable (VoteLog::append). All Persists of one step come first in its actions and may be written
/// and synced together; nothing after them may be done before they are durable.
struct Persist {
    Bytes record;
};
/// Send to all other ordering nodes. May be lost.
struct Broadcast {
    proto::SignedOrderMessage message;
};
/// Make a block on the tip out of waiting transactions; its header carries this node, `round`, and a time later than
/// the tip's. Answer BlockBuilt.
struct BuildBlock {
    std::uint64_t height = 0;
    std::uint32_t round = 0;
    Tip parent;
    bool empty_allowed = false;  // an empty block is wanted if nothing waits
};
/// Check the block against the tip with the deterministic rules (validate::check_block) and, if `fresh`, that its time
/// is within 5 s of this node's clock. Answer BlockChecked.
struct CheckBlock {
    std::uint64_t height = 0;
    Hash block_hash{};
    Bytes block;
    bool fresh = false;
};
/// This block is final. Store it with the certificate, durably; apply it; cut the vote log; answer Applied.
struct Decided {
    std::uint64_t height = 0;
    Hash block_hash{};
    Bytes block;
    proto::CommitCertificate certificate;
};
/// Tick at `deadline` (replaces the timer set before).
struct SetTimer {
    Monotonic deadline{};
};
/// Others may have decided `from` and more: ask peers for blocks, hand them back as CaughtUp one by one. Comes again
/// while that may be so; one fetch at a time is enough.
struct FetchBlocks {
    std::uint64_t from = 0;
};
/// A message or block was not accepted: for logs, metrics and tests. Codes: not_leader, bad_parent, bad_justification,
/// bad_certificate, double_vote, wrong_block.
struct Refused {
    std::string node;
    Error error;
};

/// A member signed two different votes for one place (S1): a proof that it lies, for the consortium. Blocks are left
/// out.
struct DoubleVote {
    proto::SignedOrderMessage first;
    proto::SignedOrderMessage second;
};

using Action =
    std::variant<Persist, Broadcast, BuildBlock, CheckBlock, Decided, SetTimer, FetchBlocks, Refused, DoubleVote>;

/// QBFT (github.com/Consensys/qbft-formal-spec-and-verification) for one node and one channel, one height at a time, as
/// a plain state machine (ledger.md, "Ordering"; S1-S6 and W1-W6 in comments name its rules). No I/O, clock or thread:
/// the shell turns messages, timers and the mempool into events, and does the actions in order. `now` never goes back.
///
/// Between Decided and Applied only messages are taken (kept for the next height, one per member and step).
class Replica {
public:
    /// `channel`: in force at the first height to be decided. `self` is this node's name in it.
    Replica(std::shared_ptr<const Channel> channel, std::string self, Sign sign);

    std::vector<Action> step(Event event, Monotonic now);

    std::uint64_t height() const { return height_; }  // being decided
    std::uint32_t round() const { return round_; }

private:
    /// A member's newest vote of one kind. One slot per member bounds what a hostile member can make us keep; an honest
    /// one never returns to an older round.
    struct Slot {
        std::uint32_t round = 0;
        Hash block_hash{};  // zeros for a ROUND-CHANGE that is not prepared
        Received received;
    };
    using Slots = std::map<std::string, Slot, std::less<>>;  // by member

    struct Proposal {
        Hash block_hash{};
        Bytes block;
        bool checked = false;  // it passed CheckBlock, or this node made it
    };

    void on(Start event);
    void on(Message event);
    void on(WaitingChanged event);
    void on(BlockBuilt event);
    void on(BlockChecked event);
    void on(Applied event);
    void on(CaughtUp event);
    void on(Tick event);

    // replica.cpp: heights, own votes
    void begin_height(const Tip& tip, Waiting waiting);
    void restore();
    void restore_vote(Received own);
    void take(Received received);
    void keep_early(Received received);
    bool may_vote(Step step) const;
    Received vote(proto::OrderMessage body, Bytes block);
    void persist_block(const Position& at, const Hash& hash, const Bytes& block);
    const std::string& leader_of(std::uint32_t round) const { return leader(*channel_, tip_.absences, height_, round); }
    bool leads(std::uint32_t round) const { return leader_of(round) == self_; }
    bool refuse(const std::string& node, Error error);  // false, for the caller to hand on

    // timers.cpp
    bool has_reason() const;
    void activate(std::uint32_t delay_ms);
    void plan_proposal();
    void build();
    void watch_lag();
    std::size_t members_ahead() const;
    void ask_for_blocks();
    void reach_round();
    void on_round_timeout();
    Monotonic round_timeout(std::uint32_t round) const;
    void arm_timer();

    // rounds.cpp: PROPOSE and ROUND-CHANGE
    void on_propose(Received received);
    void on_round_change(Received received);
    struct Rounds {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
    };
    Status check_header(ByteView block, const Rounds& rounds) const;
    void propose(Bytes block, const Hash& hash, const std::vector<proto::SignedOrderMessage>& prepares, bool fresh);
    void accept(const Hash& hash, Bytes block, bool fresh);
    void join_higher_round();
    void start_round_change(std::uint32_t round);
    void enter_round(std::uint32_t round);
    void lead();
    std::size_t members_at(std::uint32_t round) const;

    // votes.cpp: PREPARE, COMMIT, the decision
    void on_prepare(Received received);
    void on_commit(Received received);
    bool keep(Slots& slots, Slot slot);
    void double_vote(const proto::SignedOrderMessage& first, const Received& second);
    void prepare();
    void try_commit();
    void try_decide(std::uint32_t round, const Hash& hash);
    void decide(Bytes block, const Hash& hash, proto::CommitCertificate certificate);
    void decide_if_committed(const Hash& hash);
    const Bytes* block_of(const Hash& hash) const;

    void persist(Bytes record) { persists_.emplace_back(Persist{std::move(record)}); }
    void act(Action action) { actions_.push_back(std::move(action)); }

    std::shared_ptr<const Channel> channel_;  // in force at height_
    const std::string self_;
    const Sign sign_;
    bool started_ = false;
    bool holds_key_ = true;
    Monotonic now_{};
    std::vector<Action> persists_;  // of the step that runs: they go first
    std::vector<Action> actions_;

    // Of the height being decided.
    Tip tip_;
    std::uint64_t height_ = 0;
    std::uint32_t round_ = 0;
    std::size_t quorum_ = 0;  // of the members at this height
    bool reached_ = true;     // q members are known to have come to round_
    bool decided_ = false;    // waits for Applied
    Waiting waiting_;
    Position position_;                 // of the last own vote, over all heights
    std::optional<Proposal> proposal_;  // accepted in round_
    std::optional<Prepared> prepared_;  // the highest certificate, with its block
    Bytes prepared_block_;
    proto::SignedOrderMessage proposed_;  // the PROPOSE that brought proposal_
    Slots prepares_, commits_, round_changes_;
    std::set<std::string, std::less<>> heard_;              // members that have sent anything of this height
    std::set<Hash> checked_;                                // blocks that passed CheckBlock
    std::set<Hash> persisted_;                              // blocks that are in the vote log
    std::vector<proto::SignedOrderMessage> justification_;  // ROUND-CHANGEs on which the PROPOSE of round_ stands
    std::vector<proto::SignedOrderMessage> sent_;           // own votes of round_, as sent
    bool building_ = false;                                 // a BuildBlock of round_ is out
    Recovered recovered_;                                   // until its height begins

    // Timers; nothing: not running.
    Monotonic began_{};
    std::optional<Monotonic> propose_at_;
    std::optional<Monotonic> round_ends_;
    std::optional<Monotonic> armed_;
    std::optional<Monotonic> fetch_at_;
    Monotonic lag_patience_{};

    // Of heights above.
    std::map<std::pair<std::string, Step>, Received> early_;  // of height_ + 1, one per member and step
    std::map<std::string, std::uint64_t, std::less<>> heights_seen_;
};

}  // namespace fairstream::ledger::order
