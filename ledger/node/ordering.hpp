#pragma once

#include <functional>

#include "base/metrics.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "ledger/contract/node_keys.hpp"
#include "ledger/node/mempool.hpp"
#include "ledger/order/evidence.hpp"
#include "ledger/order/replica.hpp"
#include "ledger/order/wal.hpp"

namespace fairstream::ledger::node {

/// The shell around the replica: turns messages and timers into events and does its actions in order. What it must
/// remember is made durable by the writing thread before anything that follows is done. Loop thread only.
class Ordering {
public:
    struct Parts {
        base::net::Loop& loop;
        base::Pool& pool;                                  // checks blocks
        base::Pool& writer;                                // the node's one writing thread; owns `votes` and `evidence`
        std::shared_ptr<const contract::Channel> channel;  // in force for the next block
        std::string self;
        contract::NodeKeys keys;
        order::VoteLog& votes;
        order::EvidenceStore& evidence;  // the writing thread's, too
        Mempool& mempool;
        base::Metrics& metrics;
    };
    struct Hooks {
        std::function<void(const proto::SignedOrderMessage&)> broadcast;  // to all other nodes; may be lost
        std::function<void()> fetch_blocks;                               // others may be ahead
        std::function<void(proto::DecidedBlock)> decided;                 // commit it, then call applied()
        std::function<void(Error)> failed;                                // the vote log: this node must not go on
    };
    Ordering(Parts parts, Hooks hooks);

    void start(const order::Tip& tip, order::Recovered recovered);
    void receive(order::Received message);
    void waiting_changed();
    /// `channel`: in force from the next block on, if this one changed it.
    void applied(const order::Tip& tip, std::shared_ptr<const contract::Channel> channel);
    /// A block fetched from a peer, checked against tip(). False if the replica has no use for it.
    bool caught_up(const proto::DecidedBlock& decided, proto::CommitCertificate certificate);
    /// Takes and does nothing until resume(). Precondition: not deciding().
    void pause();
    /// Goes on at a tip far from the one before: a snapshot brought this node there. `last`: the newest own vote.
    void resume(const order::Tip& tip, std::shared_ptr<const contract::Channel> channel, const order::Position& last);
    void close();

    const order::Tip& tip() const { return tip_; }
    bool deciding() const { return deciding_; }  // a block was decided and is not applied yet
    std::uint32_t round() const { return replica_->round(); }

private:
    std::unique_ptr<order::Replica> make_replica();
    bool holds_key() const { return parts_.keys.listed(*parts_.channel, parts_.self) != nullptr; }
    void step(order::Event event);
    void after_persisting(std::vector<Bytes> records, std::vector<order::Action> actions);
    void perform(std::vector<order::Action> actions);
    void act(const order::Persist&) {}
    void act(const order::Broadcast& action);
    void act(const order::BuildBlock& action);
    void act(const order::CheckBlock& action);
    void act(order::Decided& action);
    void act(const order::SetTimer& action);
    void act(const order::FetchBlocks& action);
    void act(const order::Refused& action);
    void act(const order::DoubleVote& action);

    Parts parts_;
    Hooks hooks_;
    base::net::LoopScope scope_;
    std::unique_ptr<order::Replica> replica_;
    order::Tip tip_;
    order::Waiting told_;  // what the replica last heard of the mempool
    bool started_ = false;
    bool deciding_ = false;
    bool keeping_evidence_ = false;
    std::size_t persisting_ = 0;  // steps whose actions wait for the writing thread
    base::net::Loop::TimerId timer_ = 0;
};

}  // namespace fairstream::ledger::node
