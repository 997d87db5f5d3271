#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/ledger/order/members.hpp"

namespace fairstream::tests::ordering {

/// A cluster of real replicas in one thread under a seeded scheduler: one seed, one run. Until `heal_at` the network
/// delays, reorders, loses and doubles messages and falls apart, and nodes crash, also between making a vote durable
/// and sending it; after that it is kind. The oracle watches every vote and decision and throws, with what broke, at
/// the first violation.
class Simulation {
public:
    struct Options {
        std::size_t nodes = 4;
        std::uint64_t seed = 1;
        int loss_percent = 20;
        int double_percent = 10;
        int crash_permille = 10;  // per step that makes votes durable
        std::size_t mute = 0;     // so many nodes never say anything
        int partitions = 0;       // so many times the network falls into two parts, until the next time
        bool twins = false;       // node0's key is used by two forgetful replicas: it equivocates
        bool lies = false;        // somebody with node0's key casts votes at random, each to some of the others
        int transactions = 12;
        std::chrono::milliseconds heal_at{4000};
        std::chrono::milliseconds give_up_at{120'000};
    };
    explicit Simulation(Options options);

    /// Runs until nothing is left to do, and checks that every live node has every transaction, sealed.
    void run();

    std::uint64_t height() const;  // of the longest chain
    std::uint32_t latest_round() const { return latest_round_; }
    std::size_t messages() const { return messages_; }

private:
    struct Node {
        std::size_t identity = 0;  // which member it speaks as
        bool mute = false;
        std::unique_ptr<order::Replica> replica;  // nothing: crashed
        std::uint64_t incarnation = 0;            // what was scheduled for an earlier one is void
        std::uint64_t timer = 0;
        std::vector<Bytes> records;              // durable votes
        std::vector<proto::DecidedBlock> chain;  // durable blocks
        order::Tip tip;
        std::set<std::string> committed;
        std::set<std::string> pool;
        std::deque<proto::DecidedBlock> fetched;
        bool deciding = false;
    };
    using Micros = std::chrono::microseconds;

    void at(Micros when, std::function<void()> what);
    void later(Node& node, Micros delay, std::function<void()> what);  // unless it crashes first
    Micros some(int least_us, int most_us);
    bool chance(int permille);
    bool calm() const { return now_ >= options_.heal_at; }

    void start(Node& node);
    void crash(Node& node);
    void submit(const std::string& transaction);
    order::Waiting waiting(const Node& node) const;
    void step(Node& node, order::Event event);
    void perform(Node& node, std::vector<order::Action> actions);
    void broadcast(Node& node, const proto::SignedOrderMessage& message);
    void send(Node& to, const proto::SignedOrderMessage& message);
    void deliver(Node& node, const proto::SignedOrderMessage& message);
    void lie(const order::Position& heard);
    bool connected(std::size_t a, std::size_t b) const { return calm() || sides_[a] == sides_[b]; }
    bool honest(const Node& node) const { return node.identity != 0 || !(options_.twins || options_.lies); }
    void build(Node& node, const order::BuildBlock& wanted);
    void check(Node& node, const order::CheckBlock& asked);
    void decided(Node& node, const order::Decided& decision);
    void fetch(Node& node, std::uint64_t from);
    void feed(Node& node);
    Status judge(const Node& node, const proto::Block& block) const;

    void watch_vote(const Node& node, const proto::SignedOrderMessage& message);
    void watch_certificates(const Node& node, const proto::OrderMessage& body);
    void watch_decision(const Node& node, const order::Decided& decision);
    void check_end() const;
    [[noreturn]] void violated(const std::string& what) const;

    Options options_;
    const Members& members_;
    std::mt19937_64 random_;
    Micros now_{};
    std::uint64_t sequence_ = 0;
    std::map<std::pair<Micros, std::uint64_t>, std::function<void()>> agenda_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<bool> sides_;  // of each member, while the network is in two parts
    std::set<std::string> submitted_;
    std::size_t messages_ = 0;
    std::uint32_t latest_round_ = 0;

    // What the oracle remembers.
    std::map<std::uint64_t, Hash> decided_;
    std::map<std::pair<std::size_t, order::Position>, std::string> votes_;  // by member: the body
    std::map<std::size_t, order::Position> newest_;
    using Vote = std::pair<order::Position, std::string>;                             // for this block
    std::map<Vote, std::set<std::size_t>> voters_;                                    // PREPARE and COMMIT
    std::map<std::pair<std::size_t, std::uint64_t>, std::uint32_t> committed_round_;  // by member and height: the last
    std::vector<std::string> named_;                                                  // blocks, for liars
};

}  // namespace fairstream::tests::ordering
