#pragma once

#include <atomic>
#include <map>

#include "base/metrics.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/node/chain.hpp"
#include "ledger/snapshot/statements.hpp"

namespace fairstream::ledger::node {

/// Takes snapshots where the channel config says, states their hashes on the ledger, sees which are agreed on, and then
/// removes older ones and the blocks that nobody needs any more (docs/adr/0010). Loop thread; writing goes on a thread
/// of its own while blocks commit, removing in the node's writing thread.
class Snapshotter {
public:
    struct Parts {
        base::net::Loop& loop;
        base::Pool& pool;
        base::Pool& writer;
        Chain& chain;
        contract::Channels channels;
        std::string organisation;
        base::Metrics& metrics;
        std::size_t retain_snapshots = 2;
        std::uint64_t retain_blocks = 0;
    };
    struct Hooks {
        /// Makes, submits and forgets a transaction of this node: whether it committed is seen in the state.
        std::function<void(const proto::SnapshotStatement&)> state;
        std::function<void(Error)> failed;  // a majority states another hash: this node's state is not to be trusted
    };
    Snapshotter(Parts parts, Hooks hooks);

    /// What is kept from before may not be agreed on, or stated, yet.
    void start();
    /// A block was applied; `rows` are set if a snapshot is due.
    void applied(const AppliedBlock& applied);
    void close();

private:
    struct Open {
        Hash name{};
        std::chrono::microseconds stated_at{0};  // 0: not yet
    };
    void take(std::shared_ptr<const state::Rows> rows, std::string header);
    void look();
    void judge(std::uint64_t height, Open& open, const std::vector<snapshot::Statement>& statements);
    void agreed(std::uint64_t height);

    Parts parts_;
    Hooks hooks_;
    base::net::LoopScope scope_;
    std::atomic<bool> closing_{false};
    base::Pool thread_{1, /*max_queued=*/1};
    std::map<std::uint64_t, Open> open_;  // kept here, not agreed on yet; by height
};

}  // namespace fairstream::ledger::node
