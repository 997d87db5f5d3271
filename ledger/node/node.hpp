#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/net/loop.hpp"
#include "ledger/node/config.hpp"

namespace fairstream::ledger::node {

struct Health {
    bool ready = false;  // may serve clients
    std::string reason;  // why not
    std::uint64_t height = 0;
    std::uint64_t sealed_height = 0;
    std::uint64_t waiting = 0;
    std::size_t peers_connected = 0;
    bool failed = false;             // it cannot go on and should be ended
    bool votes = false;              // the config in force lists it with a key that it has
    std::uint64_t config_epoch = 0;  // in force for the next block
    std::uint32_t round = 0;
    base::TimePoint certificate_until{};  // of the certificate in use
};

/// One node of a channel: endorses, orders, validates, keeps blocks, state and private values, and serves clients.
///
/// Threads: the Loop's (sockets, timers, the replica, the mempool), a pool (signatures, simulation, reading), and one
/// that alone writes votes, blocks and state.
class Node {
public:
    struct Ports {
        std::uint16_t peer = 0;
        std::uint16_t gateway = 0;
    };

    /// Opens the stores, brings the state up to the blocks, recovers the votes, listens and joins in. The loop must
    /// outlive the node; it need not run yet. Errors: bad_config, wrong_key (key or certificate is not of this name, or
    /// not what the channel lists for it), expired (the certificate has ended), unknown_peer, missing_peer,
    /// listen_failed, and whatever is wrong with the data folder: damaged, wrong_channel, votes_lost, in_use, io_error.
    static Result<std::unique_ptr<Node>> start(base::net::Loop& loop, NodeConfig config, base::Metrics& metrics);

    /// stop(), if that has not been called.
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    Ports ports() const;
    /// From any thread.
    Health health() const;
    /// Shows another certificate of the same name and key from now on, on new connections and to all peers. From any
    /// thread. Errors: those of the certificate; wrong_key, expired.
    Status use_certificate(std::string certificate_chain);
    /// Closes links, finishes what is being written, closes the stores. From any thread, once.
    void stop();

    struct Impl;

private:
    explicit Node(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::ledger::node
