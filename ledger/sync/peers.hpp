#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/net/loop_scope.hpp"
#include "base/net/rpc.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/proto/methods.hpp"

namespace fairstream::ledger::sync {

/// This node's links to the other nodes of the channel. Loop thread only, once opened.
class Peers {
public:
    struct Peer {
        std::string name;
        std::string organisation;
        std::shared_ptr<base::net::RpcClient> link;
        base::net::Address address;
        base::net::TlsConfig tls;
    };
    struct Link {
        std::string name;
        base::net::Address address;
    };

    /// A peer counts as itself only with a certificate of its own organisation's CA that carries its node name. `links`
    /// say where nodes are; of others the channel config does. Errors: unknown_peer (a link names this node, or stands
    /// twice), missing_peer (nobody says where a node is). `from`: the address that links leave from
    /// (RpcClient::make).
    static Result<std::unique_ptr<Peers>> open(base::net::Loop& loop, const contract::Channel& channel,
                                               const std::string& self, const std::vector<Link>& links,
                                               const base::net::TlsConfig& own, const std::string& from = {});

    /// The channel's nodes have changed, or this node's own certificate: links that stay as they were are kept.
    void update(const contract::Channel& channel, const base::net::TlsConfig& own);

    const std::vector<Peer>& all() const { return peers_; }
    const Peer* peer(std::string_view name) const;
    std::size_t connected() const;
    void notify_all(proto::PeerMethod method, const Bytes& payload) const;
    void call(const Peer& peer, proto::PeerMethod method, Bytes payload, std::chrono::milliseconds timeout,
              base::net::RpcClient::ReplyHandler on_reply);
    /// Why peers answered nothing when they were asked last, by name: unknown_peer (they refuse this node),
    /// disconnected. Who answers stands here no more.
    const std::map<std::string, Error>& silent() const { return silent_; }

    void close();

private:
    Peers(base::net::Loop& loop, std::string self, std::string from)
        : loop_(loop), scope_(loop), self_(std::move(self)), from_(std::move(from)) {}
    void retire(std::shared_ptr<base::net::RpcClient> link);
    void answered(const std::string& peer, const Result<Bytes>& answer);
    std::optional<base::net::Address> address_of(const proto::NodeEntry& node) const;
    Result<Peer> make(const proto::NodeEntry& node, const contract::Channel& channel, base::net::TlsConfig own) const;

    base::net::Loop& loop_;
    base::net::LoopScope scope_;
    const std::string self_;
    const std::string from_;
    std::map<std::string, base::net::Address> addresses_;
    std::vector<Peer> peers_;
    std::deque<std::shared_ptr<base::net::RpcClient>> retired_;  // until the last call on them is over
    std::map<std::string, Error> silent_;
};

/// Who is calling: the channel's node whose name and key stand in the certificate that the TLS peer showed. That
/// certificate may be a newer one than the channel config's, if the same CA has given it to the same key. Loop thread
/// only.
class PeerDirectory {
public:
    struct Caller {
        std::string name;
        /// The newest config lists another key for this node, an earlier one listed this: the node has missed the
        /// change. It is served the chain, or it would never hear of it, and nothing else.
        bool reads_only = false;
    };
    explicit PeerDirectory(contract::Channels channels) : channels_(std::move(channels)) {}
    /// The channel config is another one now.
    void epoch_changed() { callers_.clear(); }
    /// Error: unknown_peer; says so if the node was removed.
    Result<Caller> caller(ByteView certificate_der);

private:
    Result<Caller> judge(const identity::msp::MemberIdentity& member) const;

    contract::Channels channels_;
    std::map<Bytes, Caller> callers_;  // by certificates that were good
};

}  // namespace fairstream::ledger::sync
