#pragma once

#include <set>

#include "base/metrics.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/snapshot/statements.hpp"
#include "ledger/sync/peers.hpp"

namespace fairstream::ledger::sync {

/// Answers a peer that asks for one chunk. Errors: not_found, damaged.
Result<proto::ChunkReply> serve_chunk(const snapshot::SnapshotStore& store, const proto::ChunkRequest& request);

/// Fetches an agreed snapshot from peers, for a node that is far behind: asks them one after the other what they offer,
/// checks it, then gets the chunks, several at a time. What a peer forged is refused, said in the log, and that peer is
/// asked no more. What was fetched lies in the store, so a restart goes on where it stopped. Loop thread only; files
/// and checks in the pool.
class SnapshotFetcher {
public:
    struct Parts {
        base::net::Loop& loop;
        base::Pool& pool;
        contract::Channels channels;
        Peers& peers;
        snapshot::SnapshotStore& store;
        base::Metrics& metrics;
    };
    /// A snapshot is here, whole; or nobody offers one (nothing).
    using Done = std::function<void(std::optional<snapshot::Kept>)>;
    SnapshotFetcher(Parts parts, Done done);

    /// Looks for one above `height`. Does nothing while it is at it.
    void start(std::uint64_t height);
    bool running() const { return running_; }
    /// "3 of 40 chunks of the snapshot of height 5000"; empty if not running.
    std::string progress() const;
    void close() { scope_.close(); }

private:
    const Peers::Peer* next_peer();
    void ask_offer();
    void take_offer(const std::string& peer, const Result<Bytes>& answer);
    void begin(const std::string& peer, snapshot::Kept snapshot);
    void ask_chunks();
    void ask_chunk(std::uint32_t index);
    void ask_again(std::uint32_t index);
    void take_chunk(const std::string& peer, std::uint32_t index, Result<Bytes> answer);
    void put_chunk(const std::string& peer, std::uint32_t index, Bytes chunk);
    void chunk_done(std::uint32_t index, const Status& status);
    void leave(const std::string& peer, const Error& why);
    void finish(std::optional<snapshot::Kept> snapshot);
    /// Runs `job` in the pool and `then` with its result here.
    template <typename Job, typename Then>
    void in_pool(Job job, Then then);

    Parts parts_;
    Done done_;
    base::net::LoopScope scope_;
    bool running_ = false;
    std::uint64_t run_ = 0;  // answers to an earlier one no longer count
    std::size_t in_vain_ = 0;
    std::uint64_t above_ = 0;
    std::set<std::string> left_;   // peers that forged something
    std::set<std::string> asked_;  // in this round
    std::optional<snapshot::Kept> snapshot_;
    std::vector<std::uint32_t> wanted_;  // chunks nobody has been asked for
    std::set<std::uint32_t> under_way_;  // asked for, or being written
    std::size_t chunks_ = 0;
    std::size_t turn_ = 0;
};

}  // namespace fairstream::ledger::sync
