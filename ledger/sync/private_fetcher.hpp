#pragma once

#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "ledger/state/state.hpp"
#include "ledger/sync/peers.hpp"

namespace fairstream::ledger::sync {

/// Answers a peer that lacks private values: those this node has. Errors: malformed (too many keys), and the store's.
Result<proto::PrivateReply> serve_private(const state::PrivateStore& store, const proto::PrivateRequest& request);

/// Asks peers by turns for the private values of committed transactions that this node lacks (it was down when they
/// were endorsed), until it has them all. Loop thread only; the store is touched in `writer`, the node's one writing
/// thread.
class PrivateFetcher {
public:
    PrivateFetcher(base::net::Loop& loop, Peers& peers, state::PrivateStore& store, base::Pool& writer);

    /// Something may be missing.
    void fetch();
    void close() { scope_.close(); }

private:
    void look();
    void ask(std::vector<proto::PrivateWrite> missing);
    void accept(const std::vector<proto::PrivateWrite>& missing, const Result<Bytes>& answer);
    void later();

    base::net::LoopScope scope_;
    Peers& peers_;
    state::PrivateStore& store_;
    base::Pool& writer_;
    bool running_ = false;
    std::size_t turn_ = 0;
    std::chrono::milliseconds pause_{0};
};

}  // namespace fairstream::ledger::sync
