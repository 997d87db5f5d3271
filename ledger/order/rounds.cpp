#include <algorithm>

#include "base/assert.hpp"
#include "ledger/order/certificates.hpp"
#include "ledger/order/planted.hpp"
#include "ledger/order/replica.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::order {

namespace {

constexpr std::chrono::milliseconds kBuildPause{10};

/// As a proof inside another message: without the block, which travels once.
proto::SignedOrderMessage bare(proto::SignedOrderMessage message) {
    message.clear_block();
    return message;
}

}  // namespace

// ---- PROPOSE
// ----------------------------------------------------------------------------------------------------------

void Replica::on(BlockBuilt event) {
    if (decided_ || !building_ || event.height != height_ || event.round != round_) return;
    building_ = false;
    if (event.block.empty()) {  // what waited is gone; more may come
        propose_at_ = now_ + kBuildPause;
        return;
    }
    const auto hash = hash_of(event.block);
    const auto good = check_header(event.block, {round_, round_});
    FS_ASSERT(hash && good && may_vote(Step::kPropose));  // our own shell made it
    propose(std::move(event.block), *hash, {}, /*fresh=*/true);
}

void Replica::propose(Bytes block, const Hash& hash, const std::vector<proto::SignedOrderMessage>& prepares,
                      bool fresh) {
    proto::OrderMessage body;
    auto& propose = *body.mutable_propose();
    propose.set_height(height_);
    propose.set_round(round_);
    propose.set_block_hash(proto::as_field(hash));
    for (const auto& change : justification_) *propose.add_round_changes() = change;
    for (const auto& vote : prepares) *propose.add_prepares() = vote;
    persist_block({height_, round_, Step::kPropose}, hash, block);
    vote(std::move(body), block);
    if (fresh) checked_.insert(hash);
    accept(hash, std::move(block), fresh);
}

void Replica::on_propose(Received received) {
    const auto& propose = received.body.propose();
    const auto& node = received.envelope.node();
    const auto round = propose.round();
    if (round < round_ && !planted(Bug::kVoteBelowRound)) return;
    const bool former = planted(Bug::kFormerLeader) && channel_->node(node) == nullptr;
    if (leader_of(round) != node && !planted(Bug::kAnyLeader) && !former) {
        refuse(node, {"not_leader", node + " does not lead round " + std::to_string(round)});
        return;
    }
    if (round == round_ && !planted(Bug::kPrepareTwice)) {
        if (proposal_ && proposed_.body() != received.envelope.body() && !proposed_.body().empty())
            return double_vote(proposed_, received);
        if (proposal_ || !may_vote(Step::kPrepare)) return;
    }

    std::optional<std::uint32_t> prepared_round;
    if (round > 0) {
        auto justified = check_justification(*channel_, propose);
        if (!justified) {
            refuse(node, justified.error());
            return;
        }
        prepared_round = *justified;
    } else if (propose.round_changes_size() + propose.prepares_size() != 0) {
        refuse(node, {"bad_justification", "proofs where round 0 has none"});
        return;
    }
    const auto& block = received.envelope.block();
    const Rounds first_proposed = prepared_round ? Rounds{0, *prepared_round} : Rounds{round, round};
    if (auto good = check_header(as_bytes(block), first_proposed); !good) {
        refuse(node, good.error());
        return;
    }
    const auto hash = identity::crypto::to_hash(as_bytes(propose.block_hash()));
    FS_ASSERT(hash.has_value());  // verify_message
    if (round != round_) enter_round(round);
    proposed_ = bare(received.envelope);
    accept(*hash, to_bytes(as_bytes(block)), /*fresh=*/!prepared_round);
}

/// S2: on the decided parent, first proposed in one of `rounds` by its leader. What is inside is CheckBlock's.
Status Replica::check_header(ByteView block, const Rounds& rounds) const {
    FS_ASSIGN(const auto parsed, proto::decode<proto::Block>(block));
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(parsed.header()));
    if (header.channel() != channel_->name() || header.config_epoch() != channel_->epoch())
        return fail("wrong_block", "the block is of another channel or config epoch");
    if (header.height() != height_ || header.previous_hash() != as_text(tip_.hash))
        return fail("bad_parent", "the block does not follow height " + std::to_string(tip_.height));
    const bool good_round = header.round() >= rounds.first && header.round() <= rounds.last;
    if ((!good_round || header.proposer() != leader_of(header.round())) && !planted(Bug::kAnyProposer))
        return fail("wrong_block", "the header names round " + std::to_string(header.round()) +
                                       " and a proposer that " + "did not lead it, or a later round than the PROPOSE");
    if (parsed.transactions_size() == 0 && header.round() == 0 && !tip_.has_transactions)
        return fail("wrong_block", "an empty block where nothing is left to be sealed");
    return {};
}

void Replica::accept(const Hash& hash, Bytes block, bool fresh) {
    proposal_ = Proposal{hash, std::move(block), checked_.contains(hash) || planted(Bug::kUncheckedBlock)};
    propose_at_.reset();
    reach_round();  // its proofs show it
    if (proposal_->checked)
        prepare();
    else
        act(CheckBlock{height_, hash, proposal_->block, fresh});
    decide_if_committed(hash);
}

// ---- ROUND-CHANGE
// -----------------------------------------------------------------------------------------------------

void Replica::on_round_change(Received received) {
    const auto& change = received.body.round_change();
    const auto& node = received.envelope.node();
    if (change.round() < round_) return;
    if (change.prepared()) {
        const auto backed = check_prepares(*channel_, change.prepares(), height_, change.prepared_round(),
                                           change.prepared_block_hash());
        if (!backed) {
            refuse(node, backed.error());
            return;
        }
        if (auto good = check_header(as_bytes(received.envelope.block()), {0, change.prepared_round()}); !good) {
            refuse(node, good.error());
            return;
        }
    }
    const auto hash = identity::crypto::to_hash(as_bytes(change.prepared_block_hash())).value_or(Hash{});
    const auto round = change.round();
    if (!keep(round_changes_, {round, hash, std::move(received)})) return;
    join_higher_round();
    if (members_at(round_) >= quorum_) reach_round();
    lead();
}

/// f + 1 members are in higher rounds, so an honest one is: joins the highest round that f + 1 have reached.
void Replica::join_higher_round() {
    std::vector<std::uint32_t> higher;
    for (const auto& [node, slot] : round_changes_)
        if (slot.round > round_) higher.push_back(slot.round);
    if (higher.size() <= channel_->faults()) return;
    std::sort(higher.begin(), higher.end(), std::greater<>());
    start_round_change(higher[channel_->faults()]);
}

/// S4: votes of older rounds are over, and the highest certificate goes along.
void Replica::start_round_change(std::uint32_t round) {
    enter_round(round);
    if (!may_vote(Step::kRoundChange)) return;
    proto::OrderMessage body;
    auto& change = *body.mutable_round_change();
    change.set_height(height_);
    change.set_round(round);
    if (prepared_ && !planted(Bug::kHiddenCertificate)) {
        change.set_prepared(true);
        change.set_prepared_round(prepared_->round);
        change.set_prepared_block_hash(proto::as_field(prepared_->block_hash));
        for (const auto& vote : prepared_->prepares) *change.add_prepares() = vote;
    }
    auto own = vote(std::move(body), prepared_block_);
    round_changes_[self_] = Slot{round, prepared_ ? prepared_->block_hash : Hash{}, std::move(own)};
    if (members_at(round_) >= quorum_) reach_round();
    lead();
}

void Replica::enter_round(std::uint32_t round) {
    round_ = round;
    reached_ = round == 0;
    proposal_.reset();
    proposed_.Clear();
    justification_.clear();
    sent_.clear();
    building_ = false;
    propose_at_.reset();
    if (round_ends_) round_ends_ = now_ + round_timeout(round);
}

/// Proposes in a round above 0 once q members have come to it: the highest prepared block, else a fresh one (S2).
void Replica::lead() {
    if (round_ == 0 || !leads(round_) || building_ || proposal_ || !may_vote(Step::kPropose)) return;
    std::vector<proto::SignedOrderMessage> changes;
    const Received* highest = nullptr;
    for (const auto& [node, slot] : round_changes_) {
        if (slot.round != round_) continue;
        changes.push_back(bare(slot.received.envelope));
        const auto& change = slot.received.body.round_change();
        const auto* const known = highest == nullptr ? nullptr : &highest->body.round_change();
        const bool higher =
            known == nullptr || (change.prepared_round() > known->prepared_round() && !planted(Bug::kAnyPreparedRound));
        if (change.prepared() && higher && !planted(Bug::kIgnorePrepared)) highest = &slot.received;
    }
    if (changes.size() < quorum_) return;
    justification_ = std::move(changes);
    if (highest == nullptr) return build();
    const auto& change = highest->body.round_change();
    const auto hash = identity::crypto::to_hash(as_bytes(change.prepared_block_hash()));
    FS_ASSERT(hash.has_value());  // verify_message
    propose(to_bytes(as_bytes(highest->envelope.block())), *hash, {change.prepares().begin(), change.prepares().end()},
            /*fresh=*/false);
}

/// Members known to have reached `round`.
std::size_t Replica::members_at(std::uint32_t round) const {
    return static_cast<std::size_t>(std::count_if(round_changes_.begin(), round_changes_.end(),
                                                  [round](const auto& slot) { return slot.second.round >= round; }));
}

}  // namespace fairstream::ledger::order
