#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger/order/wal.hpp"
#include "tests/support/ordering/members.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests::scenario {

namespace order = ledger::order;
namespace proto = ledger::proto;

/// Real replicas with real vote logs over stub ports: messages lie in flight until a scenario delivers or drops them,
/// clocks move when it says so, blocks are stored and applied at once. Names are "node0" and so on.
class Cluster {
public:
    explicit Cluster(std::size_t nodes);

    void submit(const std::string& node, const std::string& transaction);
    /// What is in flight now and matches; "" matches all. Kinds: PROPOSE, PREPARE, COMMIT, ROUND-CHANGE.
    std::size_t deliver(const std::string& kind, const std::string& from, const std::string& to);
    std::size_t drop(const std::string& kind, const std::string& from, const std::string& to);
    /// Until nothing is in flight.
    void deliver_all();
    /// The node's next timer fires. False: none is set.
    bool time_out(const std::string& node);
    void crash(const std::string& node);
    /// Its next block is the last thing that it makes durable: neither state nor vote log hear of it.
    void crash_after_next_block(const std::string& node) { find(node).crash_after_block = true; }
    void restart(const std::string& node);

    // To the vote log of a node that is down:
    void tear(const std::string& node);  // the beginning of one more write lies at its end
    void lose_end(const std::string& node);
    void lose_log(const std::string& node);
    void lose_guard(const std::string& node);
    void keep_log(const std::string& node);     // also of a node that runs
    void restore_log(const std::string& node);  // as it was kept; the guard stays
    void isolate(const std::string& node) { alone_.insert(node); }
    void connect(const std::string& node) { alone_.erase(node); }
    /// A message that `node` signs without its replica; PROPOSE and votes for a block of this one transaction.
    struct Forged {
        std::string kind;
        std::uint32_t round = 0;
        std::string transaction;
        std::uint64_t epoch = 1;
    };
    void forge(const std::string& node, const Forged& what, const std::string& to);

    struct View {
        bool up = false;
        bool may_vote = true;      // its vote log has opened
        std::uint64_t height = 0;  // of its chain
        std::uint32_t round = 0;
        bool timer = false;
        std::vector<std::vector<std::string>> blocks;  // transactions by height - 1
        std::set<std::string> refused;                 // codes, since the start
        std::set<std::string> accused;                 // members whose double votes it has seen
    };
    View view(const std::string& node) const;
    /// Whether something of this kind from it is in flight.
    bool says(const std::string& node, const std::string& kind) const;
    std::string leader(std::uint32_t round) const;  // of the next height, as the longest chain tells
    std::vector<std::string> names() const;

private:
    struct Node {
        std::string name;
        std::optional<order::Replica> replica;
        order::VoteLog::Paths paths;
        std::unique_ptr<order::VoteLog> votes;
        Bytes kept;  // of the log
        bool may_vote = true;
        bool crash_after_block = false;
        order::Monotonic now{};
        std::optional<order::Monotonic> timer;
        order::Tip tip;
        std::vector<proto::DecidedBlock> chain;
        std::set<std::string> pool;
        std::set<std::string> refused, accused;
    };
    struct InFlight {
        std::string from, to, kind;
        proto::SignedOrderMessage message;
    };
    Node& find(const std::string& name);
    const Node& find(const std::string& name) const;
    order::Waiting waiting(const Node& node) const { return {!node.pool.empty(), false}; }
    void step(Node& node, order::Event event);
    void act(Node& node, const order::Action& action, std::deque<order::Event>& answers);
    void store(Node& node, const order::Decided& decision, std::deque<order::Event>& answers);
    void apply(Node& node);
    void fetch(Node& node, std::uint64_t from, std::deque<order::Event>& answers);
    bool reachable(const std::string& a, const std::string& b) const {
        return !alone_.contains(a) && !alone_.contains(b);
    }
    std::vector<InFlight> take(const std::string& kind, const std::string& from, const std::string& to);
    proto::Block block_of(std::uint32_t round, const std::vector<std::string>& transactions,
                          const order::Tip& on) const;

    const ordering::Members& members_;
    const TemporaryFolder folder_ = TemporaryFolder::in_memory();
    std::vector<Node> nodes_;
    std::vector<InFlight> in_flight_;
    std::set<std::string> alone_;
};

}  // namespace fairstream::tests::scenario
