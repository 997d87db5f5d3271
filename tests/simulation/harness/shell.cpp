#include <algorithm>

#include "ledger/contract/configure.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"
#include "ledger/validate/block_state.hpp"
#include "ledger/validate/validator.hpp"
#include "tests/simulation/harness/hostile.hpp"
#include "tests/simulation/harness/simulation.hpp"

/// What a node's process does around the replica, as ledger/node does it, with a crash at every step.
namespace fairstream::tests::simulation {

using namespace std::chrono_literals;
using ordering::node_name;
namespace validate = ledger::validate;

namespace {

constexpr std::size_t kPerBlock = 5;
constexpr std::uint64_t kClockToleranceUs = 5'000'000;

validate::Parent parent_of(const order::Tip& tip) {
    return {.height = tip.height, .hash = tip.hash, .time_us = tip.time_us, .outcomes_root = tip.outcomes_root};
}

}  // namespace

void Simulation::later(Node& node, Micros delay, std::function<void()> what) {
    time_.at(time_.now() + delay, [&node, incarnation = node.incarnation, run = std::move(what)] {
        if (node.replica && node.incarnation == incarnation) run();
    });
}

std::uint64_t Simulation::wall_us(const Node& node) const {
    return epochs_.front().channel->config().created_at_us() +
           static_cast<std::uint64_t>((time_.now() + node.clock_offset + 60s).count()) - 60'000'000;
}

void Simulation::start(Node& node) {
    if (node.replica || node.refused) return;
    while (node.state->height() < node.chain.size()) apply_stored(node);  // blocks are durable before the state
    auto recovered = node.disk->open(node.tip.height, /*forgetful=*/!votes_honestly(node) || !holds_key(node));
    if (!recovered) {
        if (must_go_on(node) || recovered.error().code != "votes_lost")
            oracle_.violated("W6", node_name(node.member) + " cannot open its votes: " + recovered.error().message);
        node.refused = !give_new_key(node);
        return start(node);
    }
    node.replica = std::make_unique<order::Replica>(in_force(node).channel, node_name(node.member), sign_as(node));
    step(node, order::Start{node.tip, std::move(*recovered), waiting(node), holds_key(node)});
}

void Simulation::crash(Node& node, const std::string& where) {
    ++crashes_[where];
    node.disk->close();
    node.replica.reset();
    ++node.incarnation;
    node.fetched.clear();
    node.early.clear();
    node.deciding = false;
    if (node.fault == Fault::kTwins || node.fault == Fault::kHostile) node.disk->wipe();
    const auto up_again = time_.now() + (calm() ? 1000us : time_.some(10'000, 1'500'000));
    time_.at(up_again, [this, &node] { start(node); });
}

order::Waiting Simulation::waiting(const Node& node) const {
    const auto epoch = in_force(node).channel->epoch();
    const auto ready = static_cast<std::size_t>(
        std::ranges::count_if(node.pool, [&](const auto& one) { return bank_.epoch_of(one) == epoch; }));
    return {ready > 0, ready >= kPerBlock};
}

void Simulation::step(Node& node, order::Event event) {
    auto actions = node.replica->step(std::move(event), local(node));
    latest_round_ = std::max(latest_round_, node.replica->round());
    std::vector<Bytes> records;
    for (auto& action : actions)
        if (auto* const persist = std::get_if<order::Persist>(&action)) records.push_back(persist->record);
    if (records.empty()) return perform(node, std::move(actions));
    if (power_fails()) {
        const auto where = static_cast<VoteCrash>(time_.draw(kVoteCrashes));
        node.disk->crash_while_appending(records, where, time_);
        return crash(node, std::string("votes: ") + name_of(where));
    }
    if (auto appended = node.disk->append(records); !appended) {
        // An honest node's log must take every vote. Others come here with a wiped log and an old height: they stop.
        if (votes_honestly(node))
            oracle_.violated("W5", node_name(node.member) + " may not vote: " + appended.error().message);
        return crash(node, "refused vote");
    }
    if (power_fails()) {  // some of the messages have been sent
        const auto keep = static_cast<std::ptrdiff_t>(time_.draw(actions.size() + 1));
        actions.erase(actions.begin() + keep, actions.end());
        std::erase_if(actions, [](const auto& action) { return !std::holds_alternative<order::Broadcast>(action); });
        perform(node, std::move(actions));
        return crash(node, "votes: some sent");
    }
    perform(node, std::move(actions));
}

void Simulation::perform(Node& node, std::vector<order::Action> actions) {
    for (const auto& action : actions) {
        if (const auto* one = std::get_if<order::Broadcast>(&action)) broadcast(node, one->message);
        if (const auto* one = std::get_if<order::BuildBlock>(&action))
            later(node, time_.some(0, 3000), [this, &node, wanted = *one] { build(node, wanted); });
        if (const auto* one = std::get_if<order::CheckBlock>(&action))
            later(node, time_.some(0, 3000), [this, &node, asked = *one] { check(node, asked); });
        if (const auto* one = std::get_if<order::Decided>(&action)) decided(node, *one);
        if (const auto* one = std::get_if<order::FetchBlocks>(&action)) fetch(node, one->from);
        if (const auto* one = std::get_if<order::SetTimer>(&action)) set_timer(node, one->deadline);
        if (const auto* one = std::get_if<order::DoubleVote>(&action)) {
            const auto& nodes = nodes_;
            for (const auto& other : nodes)
                if (node_name(other->member) == one->first.node() && votes_honestly(*other))
                    oracle_.violated("S1", one->first.node() + " is shown to have voted twice");
        }
    }
}

/// The run does not wait for who is no member (any more): it may wait for ever for what nobody has to tell it.
void Simulation::set_timer(Node& node, Micros deadline) {
    const auto wait = std::max<Micros>(deadline - local(node), 0us) * 1000 / node.clock_permille + 1us;
    auto tick = [this, &node, timer = ++node.timer, incarnation = node.incarnation] {
        if (timer == node.timer && node.replica && node.incarnation == incarnation) step(node, order::Tick{});
    };
    if (newest().seat(node.member) != nullptr)
        time_.at(time_.now() + wait, std::move(tick));
    else
        time_.in_background(time_.now() + wait, std::move(tick));
}

void Simulation::build(Node& node, const order::BuildBlock& wanted) {
    std::vector<std::string> transactions;
    const auto& channel = *in_force(node).channel;
    for (const auto& transaction : node.pool)
        if (transactions.size() < kPerBlock && bank_.epoch_of(transaction) == channel.epoch())
            transactions.push_back(transaction);
    order::BlockBuilt built{wanted.height, wanted.round, {}};
    if (!transactions.empty() || wanted.empty_allowed)
        built.block =
            proto::encode(ordering::block_on(channel, wanted.parent, wanted.round, transactions, wall_us(node)));
    step(node, std::move(built));
}

void Simulation::check(Node& node, const order::CheckBlock& asked) {
    const auto judge = [&]() -> Status {
        FS_ASSIGN(const auto block, proto::decode<proto::Block>(asked.block));
        FS_ASSIGN(const auto header, validate::check_block(*in_force(node).channel, parent_of(node.tip), block));
        const auto now = wall_us(node), time = header.time_us();
        if (asked.fresh && std::max(now, time) - std::min(now, time) > kClockToleranceUs)
            return fail("clock_skew", "the block's time is more than 5 s from this node's clock");
        return {};
    };
    step(node, order::BlockChecked{asked.height, asked.block_hash, judge()});
}

void Simulation::decided(Node& node, const order::Decided& decision) {
    if (votes_honestly(node)) oracle_.decided(node.member, decision, node.tip);
    node.deciding = true;
    later(node, time_.some(100, 5000), [this, &node, decision] { store(node, decision); });
}

/// Block durable, then the state, then the log is cut (W4); a crash between any two of them.
void Simulation::store(Node& node, const order::Decided& decision) {
    if (power_fails()) return crash(node, "block: before the append");
    proto::DecidedBlock stored;
    stored.set_block(proto::as_field(decision.block));
    stored.set_certificate(decision.certificate.SerializeAsString());
    node.chain.push_back(std::move(stored));
    if (power_fails()) return crash(node, "block: after the append");
    const auto epoch = node.epoch;
    apply_stored(node);
    if (power_fails()) return crash(node, "state: after the write");
    if (auto cut = node.disk->cut(node.tip.height); !cut) oracle_.violated("W4", cut.error().message);
    if (power_fails()) return crash(node, "votes: after the cut");
    node.deciding = false;
    const bool changed = node.epoch != epoch;
    step(node, order::Applied{node.tip, waiting(node), changed ? in_force(node).channel : nullptr, holds_key(node)});
    if (changed && node.replica) take_early(node);
    if (node.replica) feed(node);
}

/// The next stored block to the state, by the real serial validator; signatures are not in question here.
void Simulation::apply_stored(Node& node) {
    const auto& stored = node.chain.at(node.state->height());
    const auto block = *proto::decode<proto::Block>(stored.block());
    const auto header = *proto::decode<proto::BlockHeader>(block.header());
    const auto& channel = *in_force(node).channel;
    const auto before = node.state->snapshot();
    validate::BlockState serial(*before, header.height(), header.time_us());
    std::vector<proto::Outcome> outcomes;
    for (const auto& transaction : block.transactions()) {
        auto checked = validate::check_form(channel, as_bytes(transaction), base::from_us(header.time_us()));
        if (checked.form.valid() && checked.result.config_epoch() != channel.epoch())
            checked.signatures = {proto::STALE_CONFIG, "endorsed under another epoch"};  // as verify_signatures
        outcomes.push_back(serial.decide(checked).value());
        conflicts_ += outcomes.back().code() == proto::READ_CONFLICT ? 1 : 0;
        if (outcomes.back().code() != proto::STALE_CONFIG) node.committed.insert(checked.id);
        node.pool.erase(transaction);
    }
    ledger::state::Batch batch;
    std::move(serial).finish(batch);
    batch.height = header.height();
    batch.block_hash = ordering::hash_of(block);
    if (auto done = node.state->apply(batch); !done) throw Violation("the state: " + done.error().message);
    if (votes_honestly(node)) oracle_.applied(node.member, block, outcomes, batch);
    node.tip = ordering::tip_after(channel, node.tip, block);
    node.tip.outcomes_root = validate::outcomes_root(outcomes);
    for (const auto& change : batch.changes)
        for (std::size_t i = 1; i < epochs_.size(); ++i)
            if (change.key == ledger::contract::kFullConfigKey && change.value &&
                as_text(*change.value) == epochs_[i].config)
                enter_epoch(node, i);
}

/// Blocks and state as they were at `height`.
void Simulation::rewind(Node& node, std::size_t height) {
    node.chain.resize(std::min(height, node.chain.size()));
    node.state = ledger::state::memory_state();
    node.tip = ordering::genesis_tip(*epochs_.front().channel);
    node.committed.clear();
    node.pool.clear();
    enter_epoch(node, 0);
    for (const auto& transaction : bank_.all()) node.pool.insert(transaction);  // handed on again by others
}

// ---- Catching up
// --------------------------------------------------------------------------------------------------------

void Simulation::poll(Node& node) {
    if (node.replica && !node.deciding) fetch(node, node.tip.height + 1);
    time_.in_background(time_.now() + 1s, [this, &node] { poll(node); });
}

void Simulation::fetch(Node& node, std::uint64_t from) {
    auto& peer = *nodes_[node.turn++ % nodes_.size()];
    if (peer.member == node.member || peer.fault == Fault::kMute || !peer.replica) return;
    // Peers serve who is a member as far as they know; one that lies serves anybody.
    if (in_force(peer).seat(node.member) == nullptr && !peer.hostile && !node.hostile) return;
    if (!connected(node.member, peer.member) || !connected(peer.member, node.member) ||
        (!calm() && time_.chance(options_.loss_percent * 10)))
        return;
    std::deque<proto::DecidedBlock> blocks;
    if (peer.hostile && !calm())
        blocks = peer.hostile->serve(from);
    else if (peer.chain.size() >= from)
        blocks = {peer.chain.begin() + static_cast<std::ptrdiff_t>(from - 1), peer.chain.end()};
    if (blocks.empty()) return;
    later(node, time_.some(500, 10'000), [this, &node, from, got = std::move(blocks)] {
        if (!node.fetched.empty() || node.chain.size() + 1 != from) return;
        node.fetched = got;
        feed(node);
    });
}

void Simulation::feed(Node& node) {
    while (node.replica && !node.deciding && !node.fetched.empty()) {
        const auto next = std::move(node.fetched.front());
        node.fetched.pop_front();
        const auto certificate = proto::decode<proto::CommitCertificate>(next.certificate());
        const auto block = proto::decode<proto::Block>(next.block());
        // As the node's shell does: signatures and the block itself; the rest is the replica's to check.
        bool good = certificate && block && validate::check_block(*in_force(node).channel, parent_of(node.tip), *block);
        if (good)
            for (const auto& commit : certificate->commits())
                good =
                    good && in_force(node).check(commit.node(), as_bytes(commit.body()), as_bytes(commit.signature()));
        if (!good) return node.fetched.clear();
        step(node, order::CaughtUp{to_bytes(as_bytes(next.block())), *certificate});
        if (node.replica && !node.deciding) node.fetched.clear();  // it had no use for it
    }
}

}  // namespace fairstream::tests::simulation
