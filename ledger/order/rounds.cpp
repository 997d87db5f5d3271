#include <algorithm>

#include "base/assert.hpp"
#include "ledger/order/certificates.hpp"
#include "ledger/order/replica.hpp"
#include "ledger/proto/wire.hpp"

/// PROPOSE and ROUND-CHANGE: who may propose what, and how a round is given up.
namespace fairstream::ledger::order {

namespace {

proto::SignedOrderMessage without_block(const proto::SignedOrderMessage& message) {
    proto::SignedOrderMessage bare;
    bare.set_node(message.node());
    bare.set_body(message.body());
    bare.set_signature(message.signature());
    return bare;
}

Result<proto::BlockHeader> header_of(ByteView block) {
    FS_ASSIGN(const auto parsed, proto::decode<proto::Block>(block));
    return proto::decode<proto::BlockHeader>(parsed.header());
}

}  // namespace

/// S2: the right leader, on the decided parent, and above round 0 with its proofs. What the block holds is CheckBlock's
/// to judge.
Status Replica::check_proposal(const Received& received) const {
    const auto& propose = received.body.propose();
    const auto& sender = received.envelope.node();
    if (sender != leader(*channel_, propose.height(), propose.round()))
        return fail("not_leader", sender + " does not lead " + to_text(position_of(received.body)));
    FS_ASSIGN(const auto header, header_of(as_bytes(received.envelope.block())));
    if (header.height() != height_ || header.previous_hash() != as_text(tip_.hash))
        return fail("bad_parent", "the block of " + sender + " does not stand on the decided one");
    std::optional<std::uint32_t> prepared_round;
    if (propose.round() == 0) {
        if (propose.round_changes_size() + propose.prepares_size() != 0)
            return fail("bad_justification", "a PROPOSE of round 0 with proofs");
    } else {
        auto justified = check_justification(*channel_, propose);
        if (!justified) return fail("bad_justification", justified.error().message);
        prepared_round = *justified;
    }
    const bool fresh_header = header.proposer() == sender && header.round() == propose.round();
    if (!prepared_round && !fresh_header) return fail("wrong_block", "a fresh block under another proposer or round");
    if (prepared_round && header.round() > *prepared_round)
        return fail("wrong_block", "a prepared block from a later round");
    return {};
}

void Replica::on_propose(Received received) {
    const auto& propose = received.body.propose();
    if (propose.round() < round_) return;
    if (auto right = check_proposal(received); !right) return refuse(received.envelope.node(), right.error());
    if (propose.round() > round_) enter_round(propose.round());
    if (proposal_) {
        if (as_text(proposal_->block_hash) != propose.block_hash())
            refuse(received.envelope.node(),
                   {"double_vote", "a second PROPOSE in " + to_text(position_of(received.body))});
        return;
    }
    bool fresh = true;
    for (const auto& change : propose.round_changes())
        if (const auto body = proto::decode<proto::OrderMessage>(change.body()))
            fresh = fresh && !body->round_change().prepared();
    accept(propose.block_hash(), to_bytes(received.envelope.block()), fresh, /*own=*/false);
}

void Replica::accept(const std::string& hash, Bytes block, bool fresh, bool own) {
    auto block_hash = identity::crypto::to_hash(as_bytes(hash));
    FS_ASSERT(block_hash.has_value());
    proposal_ = Proposal{.block_hash = *block_hash, .block = std::move(block), .checked = own};
    if (own) return prepare();
    act(CheckBlock{.height = height_, .block_hash = *block_hash, .block = proposal_->block, .fresh = fresh});
}

void Replica::on(BlockChecked event) {
    if (!started_ || decided_ || event.height != height_ || !proposal_ || proposal_->block_hash != event.block_hash ||
        proposal_->checked)
        return;
    if (!event.verdict) {
        refuse(leader(*channel_, height_, round_), {"wrong_block", event.verdict.error().message});
        return;  // the round's timer goes on
    }
    proposal_->checked = true;
    prepare();
}

void Replica::on_round_change(Received received) {
    const auto& change = received.body.round_change();
    if (change.round() < round_) return;
    if (change.prepared())
        if (auto backed = check_prepares(*channel_, {change.prepares().begin(), change.prepares().end()}, height_,
                                         change.prepared_round(), change.prepared_block_hash());
            !backed)
            return refuse(received.envelope.node(), backed.error());
    auto& slot = round_changes_[received.envelope.node()];
    if (slot.received.envelope.node().empty() || slot.round < change.round())
        slot = Slot{.round = change.round(), .received = std::move(received)};
    join_higher_round();
    lead();
}

/// f+1 members beyond this round: at least one of them is honest.
void Replica::join_higher_round() {
    std::vector<std::uint32_t> higher;
    for (const auto& [member, slot] : round_changes_)
        if (slot.round > round_) higher.push_back(slot.round);
    if (higher.size() < channel_->faults() + 1) return;
    std::sort(higher.rbegin(), higher.rend());
    start_round_change(higher[channel_->faults()]);
}

/// S4: carries the highest certificate, and forbids older votes.
void Replica::start_round_change(std::uint32_t round) {
    if (round > kMaxRound) return;
    enter_round(round);
    proto::OrderMessage body;
    body.set_config_epoch(channel_->epoch());
    auto& change = *body.mutable_round_change();
    change.set_height(height_);
    change.set_round(round);
    if (prepared_) {
        change.set_prepared(true);
        change.set_prepared_round(prepared_->round);
        change.set_prepared_block_hash(proto::as_field(prepared_->block_hash));
        for (const auto& one : prepared_->prepares) *change.add_prepares() = one;
    }
    if (voted(Step::kRoundChange)) return;  // this key voted here before a crash
    auto own = vote(std::move(body), prepared_ ? prepared_block_ : Bytes{});
    round_changes_[self_] = Slot{.round = round, .received = std::move(own)};
    lead();
}

void Replica::enter_round(std::uint32_t round) {
    FS_ASSERT(round > round_);
    round_ = round;
    proposal_.reset();
    building_ = false;
    sent_.clear();
    justification_.clear();
    propose_at_.reset();
    round_ends_ = now_ + round_timeout(round);
}

std::size_t Replica::round_changes_from(std::uint32_t round) const {
    return static_cast<std::size_t>(std::count_if(round_changes_.begin(), round_changes_.end(),
                                                  [&](const auto& entry) { return entry.second.round == round; }));
}

/// With q ROUND-CHANGEs the new leader proposes the highest prepared block, else a fresh one.
void Replica::lead() {
    if (round_ == 0 || !leads(round_) || proposal_ || building_ || voted(Step::kPropose)) return;
    if (round_changes_from(round_) < channel_->quorum()) return;
    justification_.clear();
    const Received* highest = nullptr;
    for (const auto& [member, slot] : round_changes_) {
        if (slot.round != round_) continue;
        justification_.push_back(without_block(slot.received.envelope));
        const auto& change = slot.received.body.round_change();
        if (change.prepared() && (!highest || change.prepared_round() > highest->body.round_change().prepared_round()))
            highest = &slot.received;
    }
    if (highest == nullptr) {
        building_ = true;
        act(BuildBlock{.height = height_, .round = round_, .parent = tip_, .empty_allowed = true});
        return;
    }
    const auto hash = identity::crypto::to_hash(as_bytes(highest->body.round_change().prepared_block_hash()));
    FS_ASSERT(hash.has_value());
    propose(to_bytes(highest->envelope.block()), *hash, /*fresh=*/false);
}

void Replica::on(BlockBuilt event) {
    if (!started_ || decided_ || !building_ || event.height != height_ || event.round != round_) return;
    building_ = false;
    if (event.block.empty()) return plan_proposal();
    const auto hash = hash_of(event.block);
    FS_ASSERT(hash.has_value());
    propose(std::move(event.block), *hash, /*fresh=*/true);
}

void Replica::propose(Bytes block, const Hash& hash, bool fresh) {
    proto::OrderMessage body;
    body.set_config_epoch(channel_->epoch());
    auto& propose = *body.mutable_propose();
    propose.set_height(height_);
    propose.set_round(round_);
    propose.set_block_hash(proto::as_field(hash));
    std::optional<proto::RoundChange> highest;
    for (const auto& message : justification_) {
        *propose.add_round_changes() = message;
        const auto change = proto::decode<proto::OrderMessage>(message.body());
        FS_ASSERT(change.has_value());
        const auto& one = change->round_change();
        if (one.prepared() && (!highest || one.prepared_round() > highest->prepared_round())) highest = one;
    }
    if (highest) *propose.mutable_prepares() = highest->prepares();
    const auto at = position_of(body);
    persist(block_record(at, block));
    vote(std::move(body), block);
    // A block that others prepared has been checked by them, not by this node.
    accept(proto::as_field(hash), std::move(block), fresh, /*own=*/fresh);
}

}  // namespace fairstream::ledger::order
