#include <algorithm>

#include "base/assert.hpp"
#include "ledger/order/certificates.hpp"
#include "ledger/order/replica.hpp"
#include "ledger/proto/wire.hpp"

/// PREPARE, COMMIT and the one place where a height is decided.
namespace fairstream::ledger::order {

/// Signs, makes durable before it is sent (W1), and sends. S1: every vote stands above the one before it.
Received Replica::vote(proto::OrderMessage body, Bytes block) {
    const auto at = position_of(body);
    FS_ASSERT(at > position_);
    position_ = at;
    proto::SignedOrderMessage message;
    message.set_node(self_);
    message.set_body(body.SerializeAsString());
    const auto signature = sign_(as_bytes(message.body()));
    message.set_signature(proto::as_field(signature));
    persist(vote_record(at, message));
    if (!block.empty()) message.set_block(proto::as_field(block));
    send(message);
    return Received{.envelope = std::move(message), .body = std::move(body)};
}

bool Replica::keep_vote(Slots& slots, Received received, std::uint32_t round, const std::string& hash) {
    const auto block_hash = identity::crypto::to_hash(as_bytes(hash));
    FS_ASSERT(block_hash.has_value());
    auto& slot = slots[received.envelope.node()];
    const bool taken = !slot.received.envelope.node().empty();
    if (taken && slot.round > round) return false;
    if (taken && slot.round == round) {
        if (slot.block_hash != *block_hash)
            refuse(received.envelope.node(),
                   {"double_vote", "two different votes in " + to_text(position_of(received.body))});
        return false;
    }
    slot = Slot{.round = round, .block_hash = *block_hash, .received = std::move(received)};
    return true;
}

void Replica::prepare() {
    if (!voted(Step::kPrepare)) {
        proto::OrderMessage body;
        body.set_config_epoch(channel_->epoch());
        body.mutable_prepare()->set_height(height_);
        body.mutable_prepare()->set_round(round_);
        body.mutable_prepare()->set_block_hash(proto::as_field(proposal_->block_hash));
        auto own = vote(std::move(body), {});
        keep_vote(prepares_, std::move(own), round_, proto::as_field(proposal_->block_hash));
    }
    try_commit();
    if (!decided_) try_decide();  // COMMITs may have come before the block
}

void Replica::on_prepare(Received received) {
    const auto prepare = received.body.prepare();
    if (prepare.round() < round_) return;
    if (keep_vote(prepares_, std::move(received), prepare.round(), prepare.block_hash())) try_commit();
}

/// S3, W2: block and certificate are durable before COMMIT.
void Replica::try_commit() {
    if (!proposal_ || !proposal_->checked || voted(Step::kCommit)) return;
    Prepared certificate{.round = round_, .block_hash = proposal_->block_hash, .prepares = {}};
    for (const auto& [member, slot] : prepares_)
        if (slot.round == round_ && slot.block_hash == proposal_->block_hash)
            certificate.prepares.push_back(slot.received.envelope);
    if (certificate.prepares.size() < channel_->quorum()) return;
    proto::OrderMessage body;
    body.set_config_epoch(channel_->epoch());
    body.mutable_commit()->set_height(height_);
    body.mutable_commit()->set_round(round_);
    body.mutable_commit()->set_block_hash(proto::as_field(proposal_->block_hash));
    const auto at = position_of(body);
    persist(block_record(at, proposal_->block));
    persist(prepared_record(at, certificate));
    prepared_ = std::move(certificate);
    prepared_block_ = proposal_->block;
    auto own = vote(std::move(body), {});
    keep_vote(commits_, std::move(own), round_, proto::as_field(proposal_->block_hash));
    try_decide();
}

void Replica::on_commit(Received received) {
    const auto commit = received.body.commit();
    if (keep_vote(commits_, std::move(received), commit.round(), commit.block_hash())) try_decide();
}

/// S6: q COMMITs of any one round decide.
void Replica::try_decide() {
    std::map<std::pair<std::uint32_t, Hash>, std::size_t> tally;
    for (const auto& [member, slot] : commits_) ++tally[{slot.round, slot.block_hash}];
    for (const auto& [what, count] : tally) {
        if (count < channel_->quorum()) continue;
        auto block = block_of(what.second);
        if (!block) return ask_for_blocks();
        proto::CommitCertificate certificate;
        certificate.set_height(height_);
        certificate.set_round(what.first);
        certificate.set_block_hash(proto::as_field(what.second));
        for (const auto& [member, slot] : commits_)
            if (slot.round == what.first && slot.block_hash == what.second)
                *certificate.add_commits() = slot.received.envelope;
        return decide(std::move(*block), what.second, std::move(certificate));
    }
}

void Replica::on(CaughtUp event) {
    if (!started_ || decided_ || event.certificate.height() != height_) return;
    const auto hash = hash_of(event.block);
    if (!hash || as_text(*hash) != event.certificate.block_hash())
        return refuse({}, {"wrong_block", "a fetched block that its certificate does not name"});
    if (auto right = check_commits(*channel_, event.certificate); !right) return refuse({}, right.error());
    decide(std::move(event.block), *hash, std::move(event.certificate));
}

void Replica::decide(Bytes block, const Hash& hash, proto::CommitCertificate certificate) {
    FS_ASSERT(!decided_);
    decided_ = true;
    propose_at_.reset();
    round_ends_.reset();
    armed_.reset();
    act(Decided{
        .height = height_, .block_hash = hash, .block = std::move(block), .certificate = std::move(certificate)});
}

/// A block this node holds: of the proposal, whether checked or not (q COMMITs outweigh one node's check; what applying
/// it yields is agreed on in the next header), or of the certificate.
std::optional<Bytes> Replica::block_of(const Hash& hash) const {
    if (proposal_ && proposal_->block_hash == hash) return proposal_->block;
    if (prepared_ && prepared_->block_hash == hash) return prepared_block_;
    return std::nullopt;
}

}  // namespace fairstream::ledger::order
