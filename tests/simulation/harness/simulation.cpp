#include "tests/simulation/harness/simulation.hpp"

#include <algorithm>
#include <array>

#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"
#include "tests/simulation/harness/hostile.hpp"

namespace fairstream::tests::simulation {

using namespace std::chrono_literals;
using ordering::node_name;

const char* name_of(Fault fault) {
    constexpr const char* kNames[] = {"mute", "twins", "hostile", "mutant", "old disk", "old log", "bad clock"};
    return kNames[static_cast<int>(fault)];
}

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
    return options;
}

std::string to_text(const Options& options) {
    std::string out = "seed " + std::to_string(options.seed) + ", " + std::to_string(options.nodes) + " nodes";
    for (const auto fault : options.faults) out += std::string(", one ") + name_of(fault);
    return out;
}

Simulation::Simulation(Options options)
    : options_(std::move(options)),
      members_(ordering::members(options_.nodes)),
      time_(options_.seed),
      oracle_(members_, bank_) {
    for (std::size_t member = 0; member < options_.nodes; ++member) add_node(member);
    // Who is not honest differs from seed to seed.
    for (std::size_t i = 0; i < options_.faults.size(); ++i) {
        const auto member = (options_.seed + i) % options_.nodes;
        const auto fault = options_.faults[i];
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
    plan_crashes();
    plan_partitions();
}

Simulation::~Simulation() = default;

void Simulation::add_node(std::size_t member) {
    auto node = std::make_unique<Node>();
    node->member = member;
    node->disk = std::make_unique<Disk>(folder_.path(), std::to_string(nodes_.size()));
    node->tip = ordering::genesis_tip(*members_.channel);
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
            for (std::size_t member = 0; member < options_.nodes; ++member) side.push_back(time_.chance(500));
            for (std::size_t a = 0; a < options_.nodes; ++a)
                for (std::size_t b = 0; b < options_.nodes; ++b)
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
    return !node.fault || *node.fault == Fault::kBadClock;
}

void Simulation::run() {
    try {
        while (time_.run_next(5s))
            if (time_.now() > options_.give_up_at)
                oracle_.violated("progress", "no end: messages go on although nothing waits, or nothing is decided");
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
    for (auto& other : nodes_)
        if (other->member != node.member && connected(node.member, other->member)) send(*other, message);
}

void Simulation::send(Node& to, const proto::SignedOrderMessage& message) {
    const int copies = calm() ? 1 : 1 + (time_.chance(options_.double_percent * 10) ? 1 : 0);
    for (int i = 0; i < copies; ++i) {
        if (!calm() && time_.chance(options_.loss_percent * 10)) continue;
        const auto delay = calm() ? time_.some(200, 2000) : time_.some(200, time_.chance(50) ? 800'000 : 20'000);
        time_.at(time_.now() + delay, [this, &to, message] { deliver(to, message); });
    }
}

void Simulation::deliver(Node& node, const proto::SignedOrderMessage& message) {
    if (!node.replica) return;
    ++messages_;
    auto received = order::verify_message(*members_.channel, message, [](auto who, auto body, auto signature) {
        return ordering::stub_check(who, body, signature);
    });
    if (!received) {
        if (options_.faults.empty())
            oracle_.violated("validity", "an honest message does not pass: " + received.error().message);
        return;
    }
    oracle_.delivered(node.member, message);
    if (node.hostile) node.hostile->heard(*received);
    step(node, order::Message{std::move(*received)});
}

/// A client asks one node what accounts hold, and hands the transfer to all until it is committed.
void Simulation::submit() {
    const auto& seen = *nodes_[time_.draw(nodes_.size())];
    const auto transaction = bank_.transfer(
        *seen.state->snapshot(),
        members_.channel->config().created_at_us() + static_cast<std::uint64_t>(time_.now().count()), time_);
    for (auto& node : nodes_) {
        time_.at(time_.now() + time_.some(100, 50'000), [this, one = node.get(), transaction] {
            if (one->committed.contains(transaction)) return;
            one->pool.insert(transaction);
            if (one->replica) step(*one, order::WaitingChanged{waiting(*one)});
        });
    }
}

void Simulation::check_end() {
    for (const auto& node : nodes_) {
        if (!must_go_on(*node)) continue;
        const auto name = node_name(node->member);
        if (!node->replica) oracle_.violated("progress", name + " is down at the end");
        for (const auto& transaction : bank_.all())
            if (!node->committed.contains(transaction))
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
