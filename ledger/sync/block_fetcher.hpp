#pragma once

#include <deque>
#include <map>
#include <optional>

#include "base/net/loop_scope.hpp"
#include "ledger/blocks/block_store.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/sync/peers.hpp"

namespace fairstream::ledger::sync {

/// Answers a peer that asks for blocks: as many as fit into what it asked for, at least one, if this node has them.
Result<proto::BlocksReply> serve_blocks(const blocks::BlockStore& store, const proto::BlocksRequest& request);

/// Fetches decided blocks from peers when this node may be behind, and hands them over one at a time in order of
/// height. Also learns how far the peers are: from each at the start, and from one of them every second. Loop thread
/// only.
class BlockFetcher {
public:
    /// `offer` gets the block at height + 1; it answers with advanced() once that is applied, or refused().
    using Offer = std::function<void(proto::DecidedBlock)>;

    BlockFetcher(base::net::Loop& loop, contract::Channels channels, Peers& peers, std::uint64_t height, Offer offer);

    void start();
    void close() { scope_.close(); }

    /// Others may have more blocks than this node.
    void fetch();
    /// This node applied the block at `height`, from wherever it came.
    void advanced(std::uint64_t height);
    /// The block offered last was bad: what else came from that peer is dropped.
    void refused();
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
    void ask(const Peers::Peer& peer, std::uint32_t max_bytes, base::net::RpcClient::ReplyHandler on_reply);

    base::net::LoopScope scope_;
    contract::Channels channels_;
    Peers& peers_;
    std::uint64_t height_;
    Offer offer_;
    std::map<std::string, std::uint64_t> claimed_;  // by peer
    std::deque<proto::DecidedBlock> fetched_;
    bool asking_ = false;
    bool offered_ = false;
    bool was_caught_up_ = false;
    std::size_t turn_ = 0;
};

}  // namespace fairstream::ledger::sync
