#include "tests/ledger/order/simulation.hpp"

#include <algorithm>
#include <stdexcept>

#include "ledger/proto/wire.hpp"

namespace fairstream::tests::ordering {

using namespace std::chrono_literals;

Simulation::Simulation(Options options) : options_(options), members_(members(options.nodes)), random_(options.seed) {
    const std::size_t replicas = options_.nodes + (options_.twins ? 1 : 0);
    for (std::size_t i = 0; i < replicas; ++i) {
        auto node = std::make_unique<Node>();
        node->identity = i % options_.nodes;  // the last of twins speaks as node0
        node->tip = genesis_tip(*members_.channel);
        nodes_.push_back(std::move(node));
    }
    sides_.resize(options_.nodes);
    for (int i = 0; i < options_.partitions; ++i)
        at(some(0, 4'000'000), [this] {
            for (std::size_t member = 0; member < sides_.size(); ++member) sides_[member] = chance(500);
        });
    for (std::size_t i = 0; i < options_.mute; ++i) nodes_[(options_.seed + i) % options_.nodes]->mute = true;
    for (auto& node : nodes_) at(calm() ? 0us : some(0, 20'000), [this, one = node.get()] { start(*one); });
    for (int i = 0; i < options_.transactions; ++i)
        at(some(0, 5'000'000), [this, i] { submit("transaction " + std::to_string(i)); });
    // Crashes in quiet moments, and all at once.
    for (auto& node : nodes_)
        if (options_.crash_permille > 0 && chance(300))
            at(some(100'000, 3'500'000), [this, one = node.get()] {
                if (one->replica) crash(*one);
            });
    if (options_.crash_permille > 0 && chance(200)) {
        at(some(500'000, 3'500'000), [this] {
            for (auto& node : nodes_)
                if (node->replica) crash(*node);
        });
    }
}

// ---- The scheduler
// ------------------------------------------------------------------------------------------------------

void Simulation::at(Micros when, std::function<void()> what) {
    agenda_.emplace(std::pair(when, sequence_++), std::move(what));
}

void Simulation::later(Node& node, Micros delay, std::function<void()> what) {
    at(now_ + delay, [&node, incarnation = node.incarnation, run = std::move(what)] {
        if (node.replica && node.incarnation == incarnation) run();
    });
}

Simulation::Micros Simulation::some(int least_us, int most_us) {
    return Micros(least_us + static_cast<int>(random_() % static_cast<std::uint64_t>(most_us - least_us + 1)));
}

bool Simulation::chance(int permille) {
    return static_cast<int>(random_() % 1000) < permille;
}

void Simulation::run() {
    while (!agenda_.empty()) {
        const auto next = agenda_.begin();
        now_ = next->first.first;
        if (now_ > options_.give_up_at)
            violated("no end: messages go on although nothing waits, or nothing is decided");
        const auto what = std::move(next->second);
        agenda_.erase(next);
        what();
    }
    check_end();
}

std::uint64_t Simulation::height() const {
    return decided_.empty() ? 0 : decided_.rbegin()->first;
}

// ---- The shell
// ----------------------------------------------------------------------------------------------------------

void Simulation::start(Node& node) {
    auto recovered = order::recover(node.records);
    if (!recovered) violated("the records do not read back: " + recovered.error().message);
    const auto& self = node_name(node.identity);
    node.replica = std::make_unique<order::Replica>(members_.channel, self, stub_sign(self));
    step(node, order::Start{node.tip, std::move(*recovered), waiting(node)});
}

void Simulation::crash(Node& node) {
    node.replica.reset();
    ++node.incarnation;
    node.fetched.clear();
    node.deciding = false;
    if (!honest(node)) node.records.clear();
    at(std::max<Micros>(now_ + some(10'000, 1'500'000), now_), [this, &node] { start(node); });
}

void Simulation::submit(const std::string& transaction) {
    submitted_.insert(transaction);
    for (auto& node : nodes_) {
        at(now_ + some(100, 50'000), [this, one = node.get(), transaction] {
            one->pool.insert(transaction);  // clients hand it to every orderer until it is committed
            if (one->replica) step(*one, order::WaitingChanged{waiting(*one)});
        });
    }
}

order::Waiting Simulation::waiting(const Node& node) const {
    std::size_t open = 0;
    for (const auto& transaction : node.pool) open += node.committed.contains(transaction) ? 0 : 1;
    return {open > 0, open >= 5};
}

void Simulation::step(Node& node, order::Event event) {
    auto actions = node.replica->step(std::move(event), now_);
    latest_round_ = std::max(latest_round_, node.replica->round());
    std::vector<Bytes> records;
    for (auto& action : actions)
        if (auto* const persist = std::get_if<order::Persist>(&action)) records.push_back(persist->record);
    const bool crashes = !records.empty() && !calm() && chance(options_.crash_permille);
    if (crashes && chance(333)) return crash(node);  // before the votes are durable
    node.records.insert(node.records.end(), records.begin(), records.end());
    if (crashes) {  // after that, before some of the messages are sent
        const auto keep = static_cast<std::ptrdiff_t>(random_() % (actions.size() + 1));
        actions.erase(actions.begin() + keep, actions.end());
        std::erase_if(actions, [](const auto& action) { return !std::holds_alternative<order::Broadcast>(action); });
        perform(node, std::move(actions));
        return crash(node);
    }
    perform(node, std::move(actions));
}

void Simulation::perform(Node& node, std::vector<order::Action> actions) {
    for (const auto& action : actions) {
        if (const auto* one = std::get_if<order::Broadcast>(&action)) broadcast(node, one->message);
        if (const auto* one = std::get_if<order::BuildBlock>(&action))
            later(node, some(0, 3000), [this, &node, wanted = *one] { build(node, wanted); });
        if (const auto* one = std::get_if<order::CheckBlock>(&action))
            later(node, some(0, 3000), [this, &node, asked = *one] { check(node, asked); });
        if (const auto* one = std::get_if<order::Decided>(&action)) decided(node, *one);
        if (const auto* one = std::get_if<order::FetchBlocks>(&action)) fetch(node, one->from);
        if (const auto* one = std::get_if<order::SetTimer>(&action))
            later(node, std::max<Micros>(one->deadline - now_, 0us), [this, &node, timer = ++node.timer] {
                if (timer == node.timer) step(node, order::Tick{});
            });
    }
}

void Simulation::broadcast(Node& node, const proto::SignedOrderMessage& message) {
    watch_vote(node, message);
    if (options_.lies && !calm() && chance(200))
        lie(order::position_of(*proto::decode<proto::OrderMessage>(message.body())));
    if (node.mute) return;
    for (auto& other : nodes_)
        if (other->identity != node.identity && connected(node.identity, other->identity)) send(*other, message);
}

void Simulation::send(Node& to, const proto::SignedOrderMessage& message) {
    const int copies = calm() ? 1 : 1 + (chance(options_.double_percent * 10) ? 1 : 0);
    for (int i = 0; i < copies; ++i) {
        if (!calm() && chance(options_.loss_percent * 10)) continue;
        const auto delay = calm() ? some(200, 2000) : some(200, chance(50) ? 800'000 : 20'000);
        at(now_ + delay, [this, &to, message] { deliver(to, message); });
    }
}

/// A vote of node0 around where the others are, for any block that somebody has named, to some of them.
void Simulation::lie(const order::Position& heard) {
    if (named_.empty()) return;
    const auto& name = named_[named_.size() - 1 - random_() % std::min<std::size_t>(named_.size(), 4)];
    const auto block = *identity::crypto::to_hash(as_bytes(name));
    const auto round = heard.round + (chance(300) ? 1u : 0u);
    const auto body = chance(400)   ? prepare_of(heard.height, round, block)
                      : chance(600) ? commit_of(heard.height, round, block)
                      : chance(100) ? round_change_of(heard.height, order::kMaxRound)
                                    : round_change_of(heard.height, round + 1);
    const auto message = signed_by(*members_.channel, node_name(0), body);
    watch_vote(*nodes_[0], message);
    for (auto& other : nodes_)
        if (other->identity != 0 && chance(500)) send(*other, message);
}

void Simulation::deliver(Node& node, const proto::SignedOrderMessage& message) {
    if (!node.replica) return;
    ++messages_;
    auto received = order::verify_message(*members_.channel, message, stub_check);
    if (!received) violated("a message does not pass verification: " + received.error().message);
    step(node, order::Message{std::move(*received)});
}

void Simulation::build(Node& node, const order::BuildBlock& wanted) {
    std::vector<std::string> transactions;
    for (const auto& transaction : node.pool)
        if (!node.committed.contains(transaction) && transactions.size() < 5) transactions.push_back(transaction);
    order::BlockBuilt built{wanted.height, wanted.round, {}};
    if (!transactions.empty() || wanted.empty_allowed) {
        const auto time = members_.channel->config().created_at_us() + static_cast<std::uint64_t>(now_.count());
        built.block = proto::encode(block_on(*members_.channel, wanted.parent, wanted.round, transactions, time));
    }
    step(node, std::move(built));
}

void Simulation::check(Node& node, const order::CheckBlock& asked) {
    const auto block = proto::decode<proto::Block>(asked.block);
    step(node, order::BlockChecked{asked.height, asked.block_hash, judge(node, *block)});
}

Status Simulation::judge(const Node& node, const proto::Block& block) const {
    const auto header = proto::decode<proto::BlockHeader>(block.header());
    if (header->previous_outcomes_root() != as_text(node.tip.outcomes_root)) return fail("wrong_outcomes", "");
    if (header->time_us() <= node.tip.time_us) return fail("bad_time", "");
    for (const auto& transaction : block.transactions())
        if (node.committed.contains(transaction)) return fail("duplicate", transaction);
    return {};
}

void Simulation::decided(Node& node, const order::Decided& decision) {
    watch_decision(node, decision);
    node.deciding = true;
    later(node, some(100, 5000), [this, &node, decision] {
        proto::DecidedBlock stored;
        stored.set_block(proto::as_field(decision.block));
        stored.set_certificate(decision.certificate.SerializeAsString());
        const auto block = proto::decode<proto::Block>(decision.block);
        node.chain.push_back(std::move(stored));
        node.tip = tip_after(*members_.channel, node.tip, *block);
        node.committed.insert(block->transactions().begin(), block->transactions().end());
        if (!calm() && chance(options_.crash_permille)) return crash(node);  // durable; the log still has its votes
        if (chance(500)) node.records.clear();
        node.deciding = false;
        step(node, order::Applied{node.tip, waiting(node)});
        feed(node);
    });
}

void Simulation::fetch(Node& node, std::uint64_t from) {
    const auto& peer = *nodes_[random_() % nodes_.size()];
    if (peer.identity == node.identity || peer.mute || !peer.replica || peer.chain.size() < from) return;
    if (!connected(node.identity, peer.identity) || (!calm() && chance(options_.loss_percent * 10))) return;
    std::deque<proto::DecidedBlock> blocks(peer.chain.begin() + static_cast<std::ptrdiff_t>(from - 1),
                                           peer.chain.end());
    later(node, some(500, 10'000), [this, &node, from, got = std::move(blocks)] {
        if (!node.fetched.empty() || node.chain.size() + 1 != from) return;
        node.fetched = got;
        feed(node);
    });
}

void Simulation::feed(Node& node) {
    if (node.fetched.empty() || !node.replica || node.deciding) return;
    const auto next = std::move(node.fetched.front());
    node.fetched.pop_front();
    const auto certificate = proto::decode<proto::CommitCertificate>(next.certificate());
    step(node, order::CaughtUp{to_bytes(as_bytes(next.block())), *certificate});
    if (node.replica && !node.deciding) feed(node);  // it had decided that one itself meanwhile
}

// ---- The oracle
// ---------------------------------------------------------------------------------------------------------

void Simulation::watch_vote(const Node& node, const proto::SignedOrderMessage& message) {
    const auto body = *proto::decode<proto::OrderMessage>(message.body());
    const auto at = order::position_of(body);
    if (body.has_propose()) named_.push_back(body.propose().block_hash());
    if (body.has_prepare()) voters_[{at, body.prepare().block_hash()}].insert(node.identity);
    if (body.has_commit()) voters_[{at, body.commit().block_hash()}].insert(node.identity);
    if (!honest(node)) return;
    watch_certificates(node, body);
    const auto [known, fresh] = votes_.try_emplace({node.identity, at}, message.body());
    if (known->second != message.body()) violated(node_name(node.identity) + " votes twice at " + order::to_text(at));
    auto& newest = newest_[node.identity];
    if (fresh && at < newest)
        violated(node_name(node.identity) + " votes at " + order::to_text(at) + " after " + order::to_text(newest));
    newest = std::max(newest, at);
}

/// A COMMIT follows q PREPAREs (S3), and a ROUND-CHANGE speaks of the last COMMIT's block (S4).
void Simulation::watch_certificates(const Node& node, const proto::OrderMessage& body) {
    const auto at = order::position_of(body);
    if (body.has_commit()) {
        const auto prepared = voters_.find({{at.height, at.round, order::Step::kPrepare}, body.commit().block_hash()});
        if (prepared == voters_.end() || prepared->second.size() < members_.channel->quorum())
            violated(node_name(node.identity) + " commits without a quorum's PREPAREs at " + order::to_text(at));
        committed_round_[{node.identity, at.height}] = at.round;
    }
    const auto committed = committed_round_.find({node.identity, at.height});
    if (!body.has_round_change() || committed == committed_round_.end()) return;
    if (committed->second == at.round) return;  // sent again after a restart; the COMMIT came later
    if (!body.round_change().prepared() || body.round_change().prepared_round() != committed->second)
        violated(node_name(node.identity) + " hides what it committed to in round " +
                 std::to_string(committed->second) + " at " + order::to_text(at));
}

void Simulation::watch_decision(const Node& node, const order::Decided& decision) {
    if (!honest(node)) return;
    const auto& certificate = decision.certificate;
    const auto& committed =
        voters_[{{decision.height, certificate.round(), order::Step::kCommit}, proto::as_field(decision.block_hash)}];
    std::set<std::string> members;
    for (const auto& commit : certificate.commits()) members.insert(commit.node());
    if (members.size() < members_.channel->quorum() || committed.size() < members.size())
        violated(node_name(node.identity) + " decides height " + std::to_string(decision.height) +
                 " without a quorum's COMMITs");
    const auto [known, fresh] = decided_.try_emplace(decision.height, decision.block_hash);
    if (known->second != decision.block_hash)
        violated(node_name(node.identity) + " decides another block at height " + std::to_string(decision.height));
    const auto block = proto::decode<proto::Block>(decision.block);
    if (hash_of(*block) != decision.block_hash || decision.height != node.tip.height + 1)
        violated(node_name(node.identity) + " decides what does not follow its chain");
    for (const auto& transaction : block->transactions())
        if (!submitted_.contains(transaction) || node.committed.contains(transaction))
            violated("height " + std::to_string(decision.height) + " has " + transaction + " again, or out of nowhere");
}

void Simulation::check_end() const {
    for (const auto& node : nodes_) {
        if (!honest(*node)) continue;
        const auto name = node_name(node->identity);
        if (!node->replica) violated(name + " is down at the end");
        if (node->mute) continue;
        if (node->committed != submitted_)
            violated(name + " has " + std::to_string(node->committed.size()) + " transactions at the end, at height " +
                     std::to_string(node->tip.height));
        if (node->tip.has_transactions) violated(name + "'s last outcomes are not sealed");
        if (node->tip.height != height()) violated(name + " stays at height " + std::to_string(node->tip.height));
    }
}

void Simulation::violated(const std::string& what) const {
    throw std::runtime_error("seed " + std::to_string(options_.seed) + ", " + std::to_string(options_.nodes) +
                             " nodes, at " + std::to_string(now_.count() / 1000) + " ms: " + what);
}

}  // namespace fairstream::tests::ordering
