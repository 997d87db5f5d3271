#include "tests/simulation/harness/simulation.hpp"

#include <algorithm>
#include <array>

#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"
#include "tests/simulation/harness/hostile.hpp"

namespace fairstream::tests::simulation {

using namespace std::chrono_literals;
using ordering::node_name;

namespace {

constexpr std::size_t kMostEarly = 64;
constexpr Micros kPatience = 12s;  // in which every node asks every other for news

}  // namespace

Options options_of(std::uint64_t seed) {
    Scheduler chance(seed * 0x9E3779B97F4A7C15ull + 1);
    Options options;
    options.seed = seed;
    options.nodes = std::array<std::size_t, 8>{4, 4, 7, 4, 3, 4, 6, 1}[chance.draw(8)];
    options.loss_percent = static_cast<int>(chance.draw(5)) * 12;
    options.crash_permille = static_cast<int>(chance.draw(4)) * 12;
    options.partitions = static_cast<int>(chance.draw(6));
    options.drift = chance.chance(700);
    const auto borne = (options.nodes - 1) / 3;
    for (std::size_t i = 0; i < borne; ++i)
        if (chance.chance(850)) {
            const auto fault = chance.draw(12);
            options.faults.push_back(
                fault < 5   ? Fault::kHostile
                : fault < 7 ? Fault::kMutant
                : fault < 8 ? Fault::kTwins
                            : std::array{Fault::kMute, Fault::kOldDisk, Fault::kOldLog, Fault::kBadClock}[fault - 8]);
        }
    if (options.nodes == 3 && chance.chance(300)) options.faults.push_back(Fault::kMute);  // bears one crash, no lie
    if (chance.chance(200)) options.changes = 1 + static_cast<int>(chance.draw(3));
    return options;
}

std::string to_text(const Options& options) {
    std::string out = "seed " + std::to_string(options.seed) + ", " + std::to_string(options.nodes) + " nodes";
    for (const auto fault : options.faults) out += std::string(", one ") + name_of(fault);
    if (options.changes > 0) out += ", " + std::to_string(options.changes) + " config changes";
    return out;
}

namespace {

/// Who is not honest differs from seed to seed.
Faults faults_of(const Options& options) {
    Faults out;
    for (std::size_t i = 0; i < options.faults.size(); ++i) out[(options.seed + i) % options.nodes] = options.faults[i];
    return out;
}

}  // namespace

Simulation::Simulation(Options options)
    : options_(std::move(options)),
      time_(options_.seed),
      faults_(faults_of(options_)),
      epochs_(plan_epochs(options_.nodes, options_.changes, faults_, time_)),
      oracle_(epochs_.front().config, bank_) {
    for (const auto& epoch : epochs_)
        for (const auto& seat : epoch.seats) members_ = std::max(members_, seat.member + 1);
    for (std::size_t member = 0; member < members_; ++member) add_node(member);
    for (const auto& [member, fault] : faults_) {
        if (fault == Fault::kTwins) add_node(member);
        for (auto& node : nodes_)
            if (node->member == member) node->fault = fault;
        auto& node = *nodes_[member];
        if (fault == Fault::kHostile || fault == Fault::kMutant)
            node.hostile = std::make_unique<Hostile>(*this, node, fault == Fault::kMutant);
        if (fault == Fault::kBadClock) node.clock_offset = time_.chance(500) ? Micros(60s) : Micros(-60s);
        if (fault == Fault::kOldDisk || fault == Fault::kOldLog) plan_old_disk(node);
    }
    for (auto& node : nodes_) {
        time_.at(calm() ? 0us : time_.some(0, 20'000), [this, one = node.get()] { start(*one); });
        time_.in_background(1s + time_.some(0, 1'000'000), [this, one = node.get()] { poll(*one); });
    }
    for (int i = 0; i < options_.transactions; ++i) time_.at(time_.some(0, 5'000'000), [this] { submit(); });
    for (std::size_t i = 1; i < epochs_.size(); ++i)
        time_.at(time_.some(100'000, 4'500'000), [this] { propose_change(); });
    plan_crashes();
    plan_partitions();
}

Simulation::~Simulation() = default;

void Simulation::add_node(std::size_t member) {
    auto node = std::make_unique<Node>();
    node->member = member;
    node->disk = std::make_unique<Disk>(folder_.path(), std::to_string(nodes_.size()));
    node->tip = ordering::genesis_tip(*epochs_.front().channel);
    node->state = ledger::state::memory_state();
    if (options_.drift) {
        node->clock_offset = time_.some(-2'000'000, 2'000'000);
        node->clock_permille = 950 + static_cast<int>(time_.draw(101));
    }
    nodes_.push_back(std::move(node));
}

/// In quiet moments, and all at once.
void Simulation::plan_crashes() {
    if (options_.crash_permille == 0) return;
    for (auto& node : nodes_)
        if (time_.chance(300))
            time_.at(time_.some(100'000, 3'500'000), [this, one = node.get()] {
                if (one->replica) crash(*one, "in a quiet moment");
            });
    if (!time_.chance(200)) return;
    time_.at(time_.some(500'000, 3'500'000), [this] {
        for (auto& node : nodes_)
            if (node->replica) crash(*node, "all at once");
    });
}

void Simulation::plan_partitions() {
    for (int i = 0; i < options_.partitions; ++i)
        time_.at(time_.some(0, 4'000'000), [this] {
            cut_.clear();
            const bool one_way = time_.chance(400);
            std::vector<bool> side;
            for (std::size_t member = 0; member < members_; ++member) side.push_back(time_.chance(500));
            for (std::size_t a = 0; a < members_; ++a)
                for (std::size_t b = 0; b < members_; ++b)
                    if (side[a] != side[b] && (!one_way || side[a])) cut_.insert({a, b});
        });
}

void Simulation::plan_old_disk(Node& node) {
    const auto saved = time_.some(200'000, 2'000'000);
    time_.at(saved, [this, &node] {
        const bool closed = !node.disk->is_open();
        if (closed) return;
        node.old_disk = node.disk->image();
        node.old_height = node.chain.size();
    });
    time_.at(saved + time_.some(50'000, 1'500'000), [this, &node] {
        if (!node.old_disk || !node.replica) return;
        crash(node, "before an old disk came back");
        node.disk->restore(*node.old_disk, /*with_guard=*/node.fault == Fault::kOldDisk);
        rewind(node, node.old_height);
    });
}

bool Simulation::votes_honestly(const Node& node) {
    return !node.fault || *node.fault == Fault::kMute || *node.fault == Fault::kOldLog ||
           *node.fault == Fault::kBadClock;
}

bool Simulation::must_go_on(const Node& node) {
    return !node.fault || *node.fault == Fault::kBadClock || (*node.fault == Fault::kOldLog && node.oldest_key > 0);
}

void Simulation::run() {
    try {
        while (time_.run_next(kPatience))
            if (time_.now() > options_.give_up_at)
                oracle_.violated("progress",
                                 "no end: messages go on although nothing waits, or nothing is decided" + where());
        check_end();
    } catch (const std::exception& broken) {
        throw Violation(to_text(options_) + ", at " + std::to_string(time_.now().count() / 1000) +
                        " ms: " + broken.what());
    }
}

// ---- The network
// --------------------------------------------------------------------------------------------------------

void Simulation::broadcast(Node& node, const proto::SignedOrderMessage& message) {
    if (votes_honestly(node)) oracle_.voted(node.member, message, node.disk->last(), node.tip);
    if (node.fault == Fault::kMute) return;
    if (node.hostile && !calm()) return node.hostile->say(message);
    // To the members that it knows of; from them those that have left and lie hear it, too.
    for (auto& other : nodes_)
        if (other->member != node.member && connected(node.member, other->member) &&
            (in_force(node).seat(other->member) != nullptr || other->hostile))
            send(*other, message);
}

void Simulation::send(Node& to, const proto::SignedOrderMessage& message) {
    const int copies = calm() ? 1 : 1 + (time_.chance(options_.double_percent * 10) ? 1 : 0);
    for (int i = 0; i < copies; ++i) {
        if (!calm() && time_.chance(options_.loss_percent * 10)) continue;
        const auto delay = calm() ? time_.some(200, 2000) : time_.some(200, time_.chance(50) ? 800'000 : 20'000);
        auto arrive = [this, &to, message] { deliver(to, message); };
        // Who was removed and has not heard of it goes on trying: the run does not wait for that.
        if (newest().lists(message.node()))
            time_.at(time_.now() + delay, std::move(arrive));
        else
            time_.in_background(time_.now() + delay, std::move(arrive));
    }
}

void Simulation::deliver(Node& node, const proto::SignedOrderMessage& message) {
    if (!node.replica) return;
    ++messages_;
    const auto& epoch = in_force(node);
    auto received = order::verify_message(*epoch.channel, message, [&epoch](auto who, auto body, auto signature) {
        return epoch.check(who, body, signature);
    });
    if (!received) return refused(node, message, received.error());
    oracle_.delivered(node.member, message);
    if (node.hostile) node.hostile->heard(*received);
    step(node, order::Message{std::move(*received)});
}

/// What is of the next epoch waits until this node is there, too.
void Simulation::refused(Node& node, const proto::SignedOrderMessage& message, const Error& error) {
    const auto body = proto::decode<proto::OrderMessage>(message.body());
    const auto epoch = in_force(node).channel->epoch();
    if (body && body->config_epoch() == epoch + 1) {
        if (node.early.empty() && !node.deciding) fetch(node, node.tip.height + 1);
        if (node.early.size() < kMostEarly) node.early.push_back(message);
        return;
    }
    const bool of_this_epoch = body && body->config_epoch() == epoch;
    if (faults_.empty() && of_this_epoch)
        oracle_.violated("validity", "an honest message does not pass: " + error.message);
}

/// Where all nodes are.
std::string Simulation::where() const {
    std::string out;
    for (const auto& node : nodes_) {
        out += "; " + node_name(node->member) + (node->fault ? std::string(" (") + name_of(*node->fault) + ")" : "") +
               " at height " + std::to_string(node->tip.height) + ", epoch " +
               std::to_string(in_force(*node).channel->epoch());
        if (!holds_key(*node)) out += ", no vote";
        out += node->replica   ? ", round " + std::to_string(node->replica->round())
               : node->refused ? ", refused"
                               : ", down";
        out += ", " + std::to_string(node->pool.size()) + " waiting";
    }
    return out;
}

void Simulation::check_end() {
    for (const auto& node : nodes_) {
        if (!must_go_on(*node) || newest().seat(node->member) == nullptr) continue;
        const auto name = node_name(node->member);
        if (!node->replica) oracle_.violated("progress", name + " is down at the end");
        for (const auto& transaction : bank_.all())
            if (!node->committed.contains(bank_.id_of(transaction)))
                oracle_.violated("progress", name + " lacks a transaction at the end, at height " +
                                                 std::to_string(node->tip.height));
        if (node->tip.has_transactions) oracle_.violated("progress", name + "'s last outcomes are not sealed");
        if (node->tip.height != height())
            oracle_.violated("progress", name + " stays at height " + std::to_string(node->tip.height));
        if (const auto wrong = bank_.compare(*node->state->snapshot()); !wrong.empty())
            oracle_.violated("conservation", name + ": " + wrong);
    }
}

}  // namespace fairstream::tests::simulation
