#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/net/loop_scope.hpp"
#include "ledger/blocks/block_store.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/sync/peers.hpp"

namespace fairstream::ledger::sync {

/// Answers a peer that asks for blocks: as many as fit into what it asked for, at least one, if this node has them.
Result<proto::BlocksReply> serve_blocks(const blocks::BlockStore& store, const proto::BlocksRequest& request);

/// Fetches decided blocks from peers when this node may be behind, some ahead of what is applied, and hands them over
/// one at a time in order of height. Also learns how far the peers are: from each at the start, and from one of them
/// every second. Loop thread only.
class BlockFetcher {
public:
    /// `offer` gets the block at height + 1; it answers with advanced() once that is applied, or refused().
    using Offer = std::function<void(proto::DecidedBlock)>;

    /// `behind` is told that blocks alone will not do, or not soon: so far are the others, or a peer has pruned the
    /// blocks that this node lacks.
    struct Hooks {
        Offer offer;
        std::function<void(std::uint64_t known_height, bool pruned)> behind;
    };
    BlockFetcher(base::net::Loop& loop, contract::Channels channels, Peers& peers, std::uint64_t height, Hooks hooks);

    void start();
    void close() { scope_.close(); }

    /// Others may have more blocks than this node.
    void fetch();
    /// This node applied the block at `height`, from wherever it came.
    void advanced(std::uint64_t height);
    /// The block offered last was bad: what else came from that peer is dropped, and that peer is asked last.
    void refused(const Error& why);
    /// Asks nobody until resumed.
    void pause() { paused_ = true; }
    void resume();
    /// The channel config, and with it the peers, are others now.
    void peers_changed();

    /// At least this height is decided: the (f+1)-th highest of what peers claim, so that f liars cannot raise it.
    std::uint64_t known_height() const;
    /// False until enough peers have said how far they are and this node has caught up with them, and again when it
    /// falls behind by more than what a busy node is behind at any moment.
    bool caught_up() const;

private:
    void ask_height(const std::string& peer);
    void poll();
    void request_from(const std::string& peer);
    void received(const std::string& peer, const Result<Bytes>& answer);
    void offer_next();
    void look_whether_caught_up();
    std::uint64_t next_wanted() const;
    void drop_fetched();
    void ask(const Peers::Peer& peer, std::uint64_t from, base::net::RpcClient::ReplyHandler on_reply);

    base::net::LoopScope scope_;
    contract::Channels channels_;
    Peers& peers_;
    std::uint64_t height_;
    Hooks hooks_;
    std::map<std::string, std::uint64_t> claimed_;  // by peer
    struct Fetched {
        std::uint64_t height = 0;
        std::string peer;
        proto::DecidedBlock block;
    };
    std::deque<Fetched> fetched_;  // heights without a gap, after what is applied or offered
    std::size_t fetched_bytes_ = 0;
    std::string source_;          // the peer that the block offered came from
    std::set<std::string> left_;  // peers that sent bad blocks
    bool paused_ = false;
    bool asking_ = false;
    bool offered_ = false;
    bool was_caught_up_ = false;
    std::size_t turn_ = 0;
};

}  // namespace fairstream::ledger::sync
