#include "ledger/node/ordering.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "identity/crypto/merkle.hpp"
#include "ledger/node/chain.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/validate/validator.hpp"

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

/// How far the time of a freshly proposed block may be from this node's clock.
constexpr auto kClockTolerance = 5s;

Status check_fresh(const proto::BlockHeader& header, TimePoint now) {
    const auto ahead = base::from_us(header.time_us()) - now;
    if (ahead > kClockTolerance || ahead < -kClockTolerance)
        return fail("clock_skew", "the block's time is more than 5 s from this node's clock");
    return {};
}

Status check_proposed(const contract::Channel& channel, const validate::Parent& parent, const Bytes& bytes,
                      bool fresh) {
    FS_ASSIGN(const auto block, proto::decode<proto::Block>(bytes));
    FS_ASSIGN(const auto header, validate::check_block(channel, parent, block));
    return fresh ? check_fresh(header, base::wall_now()) : Status{};
}

Bytes make_block(const contract::Channel& channel, const std::string& proposer, const order::BuildBlock& wanted,
                 const std::vector<Bytes>& transactions, TimePoint now) {
    proto::Block block;
    std::vector<Hash> leaves;
    for (const auto& transaction : transactions) {
        leaves.push_back(identity::crypto::merkle_leaf(transaction));
        block.add_transactions(proto::as_field(transaction));
    }
    proto::BlockHeader header;
    header.set_channel(channel.name());
    header.set_height(wanted.height);
    header.set_previous_hash(proto::as_field(wanted.parent.hash));
    header.set_transactions_root(proto::as_field(identity::crypto::merkle_root(leaves)));
    header.set_previous_outcomes_root(proto::as_field(wanted.parent.outcomes_root));
    header.set_time_us(std::max(base::to_us(now), wanted.parent.time_us + 1));
    header.set_proposer(proposer);
    header.set_round(wanted.round);
    header.set_config_epoch(channel.epoch());
    header.SerializeToString(block.mutable_header());
    return proto::encode(block);
}

}  // namespace

Ordering::Ordering(Parts parts, Hooks hooks)
    : parts_(std::move(parts)), hooks_(std::move(hooks)), scope_(parts_.loop), replica_(make_replica()) {}

std::unique_ptr<order::Replica> Ordering::make_replica() {
    return std::make_unique<order::Replica>(parts_.channel, parts_.self, [this](ByteView body) {
        // The replica signs nothing while the config lists no key that is here.
        const auto& channel = *parts_.channel;
        return order::sign_with(*parts_.keys.listed(channel, parts_.self), channel.name())(body);
    });
}

void Ordering::start(const order::Tip& tip, order::Recovered recovered) {
    tip_ = tip;
    started_ = true;
    told_ = parts_.mempool.waiting();
    step(order::Start{tip, std::move(recovered), told_, holds_key()});
}

void Ordering::receive(order::Received message) {
    step(order::Message{std::move(message)});
}

void Ordering::waiting_changed() {
    if (deciding_ || told_ == parts_.mempool.waiting()) return;  // Applied will tell
    told_ = parts_.mempool.waiting();
    step(order::WaitingChanged{told_});
}

void Ordering::applied(const order::Tip& tip, std::shared_ptr<const contract::Channel> channel) {
    tip_ = tip;
    if (channel) parts_.channel = channel;
    deciding_ = false;
    told_ = parts_.mempool.waiting();
    step(order::Applied{tip, told_, std::move(channel), holds_key()});
}

bool Ordering::caught_up(const proto::DecidedBlock& decided, proto::CommitCertificate certificate) {
    step(order::CaughtUp{to_bytes(std::string_view(decided.block())), std::move(certificate)});
    return deciding_;
}

void Ordering::pause() {
    FS_ASSERT(!deciding_);
    started_ = false;
    if (timer_ != 0) scope_.cancel(timer_);
    timer_ = 0;
}

void Ordering::resume(const order::Tip& tip, std::shared_ptr<const contract::Channel> channel,
                      const order::Position& last) {
    parts_.channel = std::move(channel);
    replica_ = make_replica();
    start(tip, {.last = last, .votes = {}, .prepared = {}, .blocks = {}});
}

void Ordering::close() {
    started_ = false;
    scope_.close();
}

void Ordering::step(order::Event event) {
    if (!started_) return;
    auto actions = replica_->step(std::move(event), base::steady_now());
    std::vector<Bytes> records;
    for (auto& action : actions) {
        if (auto* const persist = std::get_if<order::Persist>(&action)) records.push_back(std::move(persist->record));
        deciding_ = deciding_ || std::holds_alternative<order::Decided>(action);
    }
    if (records.empty() && persisting_ == 0) return perform(std::move(actions));
    after_persisting(std::move(records), std::move(actions));
}

void Ordering::after_persisting(std::vector<Bytes> records, std::vector<order::Action> actions) {
    ++persisting_;
    const bool posted =
        parts_.writer.post([this, written = std::move(records), waiting = std::move(actions)]() mutable {
            Status status = written.empty() ? Status{} : parts_.votes.append(written);
            scope_.post([this, status, then = std::move(waiting)]() mutable {
                --persisting_;
                if (!started_) return;
                if (!status) return hooks_.failed(status.error());
                perform(std::move(then));
            });
        });
    if (!posted) hooks_.failed({"internal", "the writing thread's queue is full"});
}

void Ordering::perform(std::vector<order::Action> actions) {
    for (auto& action : actions) std::visit([this](auto& one) { act(one); }, action);
}

void Ordering::act(const order::Broadcast& action) {
    hooks_.broadcast(action.message);
}

void Ordering::act(const order::BuildBlock& action) {
    order::BlockBuilt built{action.height, action.round, {}};
    const auto transactions = parts_.mempool.next_block();
    if (!transactions.empty() || action.empty_allowed)
        built.block = make_block(*parts_.channel, parts_.self, action, transactions, base::wall_now());
    scope_.post([this, answer = std::move(built)]() mutable { step(std::move(answer)); });
}

void Ordering::act(const order::CheckBlock& action) {
    const auto check = [this, action, channel = parts_.channel, parent = parent_of(tip_)] {
        order::BlockChecked checked{action.height, action.block_hash,
                                    check_proposed(*channel, parent, action.block, action.fresh)};
        scope_.post([this, answer = std::move(checked)]() mutable {
            if (!answer.verdict)
                base::log_warn("a proposed block was not accepted: {} ({})", answer.verdict.error().message,
                               answer.verdict.error().code);
            step(std::move(answer));
        });
    };
    if (!parts_.pool.post(check)) base::log_warn("no time to check the block proposed at height {}", action.height);
}

void Ordering::act(order::Decided& action) {
    proto::DecidedBlock decided;
    decided.set_block(proto::as_field(action.block));
    action.certificate.SerializeToString(decided.mutable_certificate());
    parts_.metrics.count("ledger_blocks_total", 1, {{"round", action.certificate.round() == 0 ? "0" : "later"}});
    hooks_.decided(std::move(decided));
}

void Ordering::act(const order::SetTimer& action) {
    if (timer_ != 0) scope_.cancel(timer_);
    timer_ = scope_.after(std::max(action.deadline - base::steady_now(), 0us), [this] {
        timer_ = 0;
        step(order::Tick{});
    });
}

void Ordering::act(const order::FetchBlocks&) {
    hooks_.fetch_blocks();
}

void Ordering::act(const order::Refused& action) {
    base::log_debug("order message of {} refused: {}: {}", action.node, action.error.code, action.error.message);
    parts_.metrics.count("ledger_order_refused_total", 1, {{"code", action.error.code}});
}

/// One at a time, so that a liar cannot fill the writing thread's queue.
void Ordering::act(const order::DoubleVote& action) {
    parts_.metrics.count("ledger_double_votes_total", 1, {{"node", action.first.node()}});
    if (keeping_evidence_) return;
    keeping_evidence_ = parts_.writer.post([this, action] {
        const auto kept = parts_.evidence.keep(action);
        if (!kept) base::log_warn("evidence could not be kept: {}", kept.error().message);
        if (kept && *kept)
            base::log_error("{} has signed two votes for one place: it lies, or two processes use its key",
                            action.first.node());
        scope_.post([this] { keeping_evidence_ = false; });
    });
}

}  // namespace fairstream::ledger::node
