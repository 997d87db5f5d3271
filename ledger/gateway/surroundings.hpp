#pragma once

#include <functional>
#include <memory>

#include "base/metrics.hpp"
#include "base/net/loop.hpp"
#include "base/pool.hpp"
#include "base/trace.hpp"
#include "ledger/blocks/block_store.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/endorse/endorser.hpp"
#include "ledger/state/state.hpp"

namespace fairstream::ledger::gateway {

using identity::crypto::Hash;

/// How far this node is.
struct Progress {
    std::uint64_t height = 0;         // applied
    std::uint64_t sealed_height = 0;  // outcomes up to here are agreed on by a quorum
    Hash block_hash{};
    std::uint64_t waiting = 0;  // transactions in the mempool
    std::uint32_t round = 0;
};

/// The node that a gateway stands in. All on the loop thread; handlers run there too.
class Surroundings {
public:
    virtual ~Surroundings() = default;
    /// Error: unavailable, with why: a client had better go to another gateway.
    virtual Status ready() const = 0;
    virtual Progress progress() const = 0;
    /// Asks a node of `organisation`, not this node's own, to endorse an EndorseRequest; answers its
    /// EndorsedBatch.
    virtual void ask_endorser(const std::string& organisation, Bytes request, std::chrono::milliseconds timeout,
                              std::function<void(Result<Bytes>)> on_reply) = 0;
    /// Checks the transaction, keeps it for ordering and sends it to every orderer. The same one again is no error.
    /// Errors: those of check_transaction; busy.
    virtual void submit(Bytes transaction, std::function<void(Result<Hash>)> on_admitted) = 0;
};

/// What a gateway works on; all outlive it.
struct Parts {
    base::net::Loop& loop;
    base::Pool& pool;
    contract::Channels channels;
    std::string node;
    std::string organisation;
    endorse::Endorser& endorser;
    const state::StateStore& state;
    const blocks::BlockStore& blocks;
    base::Metrics& metrics;
    base::SpanQueue* spans;  // null: traces are not kept
    Surroundings& surroundings;
};

}  // namespace fairstream::ledger::gateway
