#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/harness/bank.hpp"
#include "tests/simulation/harness/disk.hpp"
#include "tests/simulation/harness/epochs.hpp"
#include "tests/simulation/harness/oracle.hpp"
#include "tests/simulation/harness/scheduler.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests::simulation {

class Hostile;

struct Options {
    std::size_t nodes = 4;
    std::uint64_t seed = 1;
    int loss_percent = 20;
    int double_percent = 10;
    int crash_permille = 10;  // at each point of making something durable
    int partitions = 0;       // so many times the network falls into two parts, or loses one direction
    bool drift = true;        // clocks up to 2 s apart, timers up to 5 % fast or slow
    std::vector<Fault> faults;
    int transactions = 12;
    int changes = 0;  // config transactions: members and keys come and go
    std::chrono::milliseconds heal_at{4000};
    std::chrono::milliseconds give_up_at{180'000};
};

/// What a seed brings: sizes, faults, loss, crashes, partitions and changes of the config all change with it.
Options options_of(std::uint64_t seed);
std::string to_text(const Options& options);

/// A cluster of real replicas, real vote logs and the real serial validator in one thread, under a seeded scheduler:
/// one seed, one run. Until `heal_at` the network delays, reorders, loses and doubles messages and falls apart, nodes
/// crash at every point of making things durable, those that are not honest attack, and admins change who the members
/// are and which keys they have; after that the world is kind. The oracle throws a Violation at the first rule that
/// breaks.
class Simulation {
public:
    explicit Simulation(Options options);
    ~Simulation();

    /// Runs until nothing is left to do, and checks that every honest node that is a member by then has every
    /// transaction, sealed.
    void run();

    std::uint64_t height() const { return oracle_.height(); }
    std::uint32_t latest_round() const { return latest_round_; }
    std::size_t messages() const { return messages_; }
    std::size_t conflicts() const { return conflicts_; }  // transactions that others had overtaken
    std::uint64_t epoch() const { return oracle_.newest_epoch(); }
    int new_keys() const { return new_keys_; }  // for members that could vote no more
    /// How often each point was crashed at.
    const std::map<std::string, int>& crashes() const { return crashes_; }

private:
    friend class Hostile;
    struct Node {
        std::size_t member = 0;
        std::optional<Fault> fault;
        std::size_t epoch = 0;       // in epochs_: in force for the block after its tip
        std::uint64_t since = 1;     // the height from which on that is in force
        std::size_t key = 0;         // it signs with
        std::size_t oldest_key = 0;  // it has; above 0 once an operator had to give it a new one
        std::unique_ptr<Disk> disk;
        std::unique_ptr<order::Replica> replica;  // nothing: crashed
        bool refused = false;                     // its vote log lets it vote no more
        std::uint64_t incarnation = 0;            // what was scheduled for an earlier one is void
        std::uint64_t timer = 0;
        std::size_t turn = 0;  // whom it asks for blocks next
        Micros clock_offset{};
        int clock_permille = 1000;
        std::vector<proto::DecidedBlock> chain;  // durable
        std::unique_ptr<ledger::state::StateStore> state;
        order::Tip tip;
        std::set<Hash> committed;                      // proposals
        std::set<std::string> pool;                    // transactions; those of an epoch to come wait for it
        std::vector<proto::SignedOrderMessage> early;  // of the next epoch
        std::deque<proto::DecidedBlock> fetched;
        bool deciding = false;
        std::unique_ptr<Hostile> hostile;
        std::optional<Disk::Image> old_disk;
        std::size_t old_height = 0;
    };

    // simulation.cpp: the world
    void add_node(std::size_t member);
    void plan_crashes();
    void plan_partitions();
    void plan_old_disk(Node& node);
    bool calm() const { return time_.now() >= options_.heal_at; }
    bool connected(std::size_t from, std::size_t to) const { return calm() || !cut_.contains({from, to}); }
    void broadcast(Node& node, const proto::SignedOrderMessage& message);
    void send(Node& to, const proto::SignedOrderMessage& message);
    void deliver(Node& node, const proto::SignedOrderMessage& message);
    void refused(Node& node, const proto::SignedOrderMessage& message, const Error& error);
    std::string where() const;
    void check_end();
    /// Held to all rules about votes.
    static bool votes_honestly(const Node& node);
    /// Must also make progress, as long as it is a member.
    static bool must_go_on(const Node& node);

    // changes.cpp: clients, admins and operators; the config that a node goes by
    const Epoch& in_force(const Node& node) const { return epochs_[node.epoch]; }
    const Epoch& newest() const { return epochs_[oracle_.newest_epoch() - 1]; }
    bool holds_key(const Node& node) const;
    order::Sign sign_as(const Node& node) const;
    Bank::Endorser endorser(const Node& node, const ledger::state::Snapshot& seen) const;
    std::uint64_t created_at_us() const;
    void submit();
    void hand_to_all(const std::string& transaction);
    void hand(Node& node, const std::string& transaction);
    void propose_change();
    void enter_epoch(Node& node, std::size_t epoch);
    void take_early(Node& node);
    bool give_new_key(Node& node);

    // shell.cpp: what a node's process does around the replica
    void later(Node& node, Micros delay, std::function<void()> what);  // unless it crashes first
    void set_timer(Node& node, Micros deadline);
    Micros local(const Node& node) const { return time_.now() * node.clock_permille / 1000; }
    std::uint64_t wall_us(const Node& node) const;
    void start(Node& node);
    void crash(Node& node, const std::string& where);
    bool power_fails() { return !calm() && time_.chance(options_.crash_permille); }
    order::Waiting waiting(const Node& node) const;
    void step(Node& node, order::Event event);
    void perform(Node& node, std::vector<order::Action> actions);
    void build(Node& node, const order::BuildBlock& wanted);
    void check(Node& node, const order::CheckBlock& asked);
    void decided(Node& node, const order::Decided& decision);
    void store(Node& node, const order::Decided& decision);
    void apply_stored(Node& node);
    void rewind(Node& node, std::size_t height);
    void fetch(Node& node, std::uint64_t from);
    void feed(Node& node);
    void poll(Node& node);

    Options options_;
    const TemporaryFolder folder_ = TemporaryFolder::in_memory();
    Scheduler time_;
    Faults faults_;
    std::vector<Epoch> epochs_;
    std::set<std::size_t> proposed_;  // of epochs_
    std::size_t members_ = 0;         // over all epochs
    Bank bank_;
    Oracle oracle_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::set<std::pair<std::size_t, std::size_t>> cut_;  // from, to
    std::size_t messages_ = 0;
    std::size_t conflicts_ = 0;
    std::uint32_t latest_round_ = 0;
    int new_keys_ = 0;
    std::map<std::string, int> crashes_;
};

}  // namespace fairstream::tests::simulation
