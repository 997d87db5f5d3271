#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/net/tls.hpp"
#include "base/result.hpp"
#include "base/trace.hpp"
#include "identity/crypto/keys.hpp"
#include "ledger/contract/context.hpp"

namespace fairstream::ledger::node {

/// What one node of a channel needs to know. Trust comes from the genesis config and what follows from it on the
/// ledger: a peer is who shows a certificate for the name and key that the config in force lists.
struct NodeConfig {
    std::string name;                   // as in the channel config
    std::filesystem::path data_folder;  // made if it is not there
    std::filesystem::path guard_file;   // the vote guard, best on another disk; empty: votes.guard in data_folder
    Bytes genesis;                      // ChannelConfig
    identity::crypto::SigningKey key;   // votes, endorses, and holds this end of TLS links
    std::string certificate_chain;      // PEM; the node's own certificate first
    base::net::Address peer_listen;     // port 0: any free one
    base::net::Address gateway_listen;
    struct Peer {
        std::string name;
        base::net::Address address;
    };
    std::vector<Peer> peers;  // where other nodes are, if the channel config does not say it or says it wrongly
    /// The key that is to follow `key`, with its certificate: counts as soon as the channel config lists it.
    std::optional<identity::crypto::SigningKey> next_key;
    std::string next_certificate_chain;
    /// The channel config need not list this node, or this key of it, yet: the node follows the chain and votes as soon
    /// as it does. Without it such a node does not start.
    bool joining = false;
    contract::Contracts contracts;
    std::filesystem::path genesis_snapshot;   // folder of the snapshot that the genesis config names, if it does
    std::size_t retain_snapshots = 2;         // agreed ones, at least 1: what joining nodes begin with
    std::uint64_t retain_blocks = 0;          // below the oldest of them, the newest so many are kept; 0: all
    std::uint64_t join_above = 10'000;        // blocks behind from which a snapshot is fetched instead of all of them
    std::uint64_t segment_bytes = 64u << 20;  // of a block file; what is pruned goes by whole files
    std::size_t pool_threads = 2;             // signatures and simulation
    std::size_t max_waiting = 20'000;         // transactions in the mempool,
    std::size_t max_waiting_bytes = 64u << 20;
    base::SpanQueue* spans = nullptr;  // outlives the node; null: traces are not kept
    /// Called once, on the loop thread, when the node cannot go on: its disk failed, or its results differ from what
    /// the others agreed on. The node votes and answers no more; the process should end with the message.
    std::function<void(const Error&)> on_failure;
};

}  // namespace fairstream::ledger::node
