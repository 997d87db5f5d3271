#include "base/assert.hpp"
#include "ledger/order/planted.hpp"
#include "ledger/order/replica.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::order {

namespace {

Hash hash_field(const std::string& field) {
    const auto hash = identity::crypto::to_hash(as_bytes(field));
    FS_ASSERT(hash.has_value());  // verify_message
    return *hash;
}

}  // namespace

/// Keeps a member's vote: the newest round counts, and within one the first (S1). False if it is not kept.
bool Replica::keep(Slots& slots, Slot slot) {
    const auto& node = slot.received.envelope.node();
    const auto known = slots.find(node);
    if (known != slots.end()) {
        if (slot.round < known->second.round) return false;
        if (slot.round == known->second.round) {
            if (slot.received.envelope.body() != known->second.received.envelope.body())
                double_vote(known->second.received.envelope, slot.received);
            return false;
        }
    }
    slots[node] = std::move(slot);
    return true;
}

void Replica::double_vote(const proto::SignedOrderMessage& first, const Received& second) {
    const auto& node = first.node();
    refuse(node, {"double_vote", node + " votes twice at " + to_text(position_of(second.body))});
    DoubleVote proof{first, second.envelope};
    proof.first.clear_block();
    proof.second.clear_block();
    act(std::move(proof));
}

void Replica::on_prepare(Received received) {
    const auto round = received.body.prepare().round();
    const auto hash = hash_field(received.body.prepare().block_hash());
    if (round < round_ || !keep(prepares_, {round, hash, std::move(received)})) return;
    try_commit();
}

void Replica::on_commit(Received received) {
    const auto round = received.body.commit().round();
    const auto hash = hash_field(received.body.commit().block_hash());
    if (keep(commits_, {round, hash, std::move(received)})) try_decide(round, hash);
}

void Replica::on(BlockChecked event) {
    if (decided_ || event.height != height_ || !proposal_ || proposal_->block_hash != event.block_hash ||
        proposal_->checked)
        return;
    if (!event.verdict) {
        refuse(leader_of(round_), {"wrong_block", event.verdict.error().code + ": " + event.verdict.error().message});
        return;
    }
    checked_.insert(event.block_hash);
    proposal_->checked = true;
    prepare();
}

void Replica::prepare() {
    if (!may_vote(Step::kPrepare)) return;
    proto::OrderMessage body;
    body.mutable_prepare()->set_height(height_);
    body.mutable_prepare()->set_round(round_);
    body.mutable_prepare()->set_block_hash(proto::as_field(proposal_->block_hash));
    prepares_[self_] = Slot{round_, proposal_->block_hash, vote(std::move(body), {})};
    try_commit();
}

/// With q PREPAREs for the block this node prepared in this round: the certificate first, then COMMIT (S3, W2).
void Replica::try_commit() {
    if (!proposal_ || position_ != Position{height_, round_, Step::kPrepare}) return;
    Prepared prepared{round_, proposal_->block_hash, {}};
    for (const auto& [node, slot] : prepares_)
        if (slot.round == round_ && slot.block_hash == proposal_->block_hash)
            prepared.prepares.push_back(slot.received.envelope);
    if (prepared.prepares.size() + (planted(Bug::kEarlyCommit) ? 1 : 0) < quorum_) return;

    const Position at{height_, round_, Step::kCommit};
    persist_block(at, prepared.block_hash, proposal_->block);
    if (!planted(Bug::kForgetCertificate)) persist(prepared_record(at, prepared));
    prepared_ = std::move(prepared);
    prepared_block_ = proposal_->block;

    proto::OrderMessage body;
    body.mutable_commit()->set_height(height_);
    body.mutable_commit()->set_round(round_);
    body.mutable_commit()->set_block_hash(proto::as_field(prepared_->block_hash));
    commits_[self_] = Slot{round_, prepared_->block_hash, vote(std::move(body), {})};
    try_decide(round_, prepared_->block_hash);
}

/// q COMMITs of any round decide (S6).
void Replica::try_decide(std::uint32_t round, const Hash& hash) {
    proto::CommitCertificate certificate;
    certificate.set_height(height_);
    certificate.set_round(round);
    certificate.set_block_hash(proto::as_field(hash));
    for (const auto& [node, slot] : commits_)
        if ((slot.round == round || planted(Bug::kMixedRounds)) && slot.block_hash == hash)
            *certificate.add_commits() = slot.received.envelope;
    const auto commits = static_cast<std::size_t>(certificate.commits_size());
    if (commits + (planted(Bug::kFewCommits) ? 1 : 0) < quorum_) return;
    if (const Bytes* block = block_of(hash))
        decide(*block, hash, std::move(certificate));
    else
        ask_for_blocks();
}

/// COMMITs may come before the block they are for.
void Replica::decide_if_committed(const Hash& hash) {
    std::set<std::uint32_t> rounds;
    for (const auto& [node, slot] : commits_)
        if (slot.block_hash == hash) rounds.insert(slot.round);
    for (const auto round : rounds)
        if (!decided_) try_decide(round, hash);
}

const Bytes* Replica::block_of(const Hash& hash) const {
    if (proposal_ && proposal_->block_hash == hash) return &proposal_->block;
    if (prepared_ && prepared_->block_hash == hash) return &prepared_block_;
    return nullptr;
}

/// The only way to a decision, for votes and for blocks fetched from others.
void Replica::decide(Bytes block, const Hash& hash, proto::CommitCertificate certificate) {
    FS_ASSERT(!decided_);
    decided_ = true;
    round_ends_.reset();
    propose_at_.reset();
    building_ = false;
    act(Decided{height_, hash, std::move(block), std::move(certificate)});
}

}  // namespace fairstream::ledger::order
