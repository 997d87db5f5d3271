#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>

#include "mqtt_bridge/replicate/replicator.hpp"
#include "tests/mqtt_bridge/chain.hpp"

namespace fairstream::tests {

/// Operators and one writer in one thread under a seeded scheduler: messages are delayed, lost, doubled and overtake
/// one another, operators crash with what was not synced, one may lie. `run` ends with a healed network; what must hold
/// is checked as it goes and collected in `violations`.
class ReplicationSim {
public:
    struct Options {
        std::uint64_t seed = 0;
        std::size_t operators = 3;
        std::uint32_t quorum = 2;
        std::size_t bundles = 40;
        bool liar = false;  // operator 0 corrupts every bundle that it sends on
    };
    explicit ReplicationSim(Options options);

    void run();

    std::vector<std::string> violations;
    /// The writer has a quorum for all it wrote.
    bool writer_done() const { return acknowledged_ == story_.size(); }
    /// How many of the writer's bundles are durable at an operator.
    std::size_t stored(std::size_t index) const { return nodes_[index].disk.size(); }

private:
    using Action = mqtt_bridge::replicate::Action;
    using Record = mqtt_bridge::log::Record;
    using BundlePtr = std::shared_ptr<const Record>;
    using Job = std::function<void()>;

    struct Node {
        std::vector<BundlePtr> disk;
        std::unique_ptr<mqtt_bridge::replicate::Replicator> core;  // none: it is down
        std::uint64_t life = 0;
        std::uint64_t live_through = 0;  // of this life
        std::uint64_t log_busy_until_us = 0;
    };
    struct Scheduled {
        std::uint64_t at_us;
        std::uint64_t order;
        Job job;
        bool operator<(const Scheduled& other) const {
            return std::pair(at_us, order) > std::pair(other.at_us, other.order);
        }
    };

    static std::string name(std::size_t index) { return "op" + std::to_string(index); }
    static std::size_t index_of(const std::string& peer) { return static_cast<std::size_t>(peer[2] - '0'); }

    void at(std::uint64_t delay_us, Job job);
    std::uint64_t random(std::uint64_t below) {
        return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(rng_);
    }
    /// Delivers `job` to the operator (in whatever life it is then): late, twice, or never.
    void send(Job job);

    void start(std::size_t index);
    void crash(std::size_t index);
    void step(std::size_t index, mqtt_bridge::replicate::Event event);
    void act(std::size_t index, Action action);
    void store(std::size_t index, mqtt_bridge::replicate::Arrival arrival);
    mqtt_bridge::log::Outcome append(Node& node, const BundlePtr& bundle);
    void deliver(std::size_t from, std::size_t to, BundlePtr bundle);
    void tick(std::size_t index, std::uint64_t life);
    void disturb();

    void write();
    void take_receipt(std::size_t by, const mqtt_bridge::log::Position& position);
    void check_mark(std::size_t index, const mqtt_bridge::log::Position& position);

    const Options options_;
    std::mt19937_64 rng_;
    std::uint64_t now_us_ = 1'000'000;
    std::uint64_t order_ = 0;
    bool healed_ = false;
    std::priority_queue<Scheduled> queue_;
    std::vector<Node> nodes_;
    std::vector<BundlePtr> story_;
    std::size_t acknowledged_ = 0;  // bundles of the story
    std::size_t taker_ = 0;
    std::uint64_t last_progress_us_ = 0;
    std::map<std::size_t, std::uint64_t> receipts_;
};

}  // namespace fairstream::tests
