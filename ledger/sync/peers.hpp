#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/net/loop_scope.hpp"
#include "base/net/rpc.hpp"
#include "ledger/contract/channel.hpp"
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
    /// twice), missing_peer (nobody says where a node is).
    static Result<std::unique_ptr<Peers>> open(base::net::Loop& loop, const contract::Channel& channel,
                                               const std::string& self, const std::vector<Link>& links,
                                               const base::net::TlsConfig& own);

    /// The channel's nodes have changed, or this node's own certificate: links that stay as they were are kept.
    void update(const contract::Channel& channel, const base::net::TlsConfig& own);

    const std::vector<Peer>& all() const { return peers_; }
    const Peer* peer(std::string_view name) const;
    std::size_t connected() const;
    void notify_all(proto::PeerMethod method, const Bytes& payload) const;
    void call(const Peer& peer, proto::PeerMethod method, Bytes payload, std::chrono::milliseconds timeout,
              base::net::RpcClient::ReplyHandler on_reply) const;

    void close();

private:
    Peers(base::net::Loop& loop, std::string self) : loop_(loop), scope_(loop), self_(std::move(self)) {}
    void retire(std::shared_ptr<base::net::RpcClient> link);
    std::optional<base::net::Address> address_of(const proto::NodeEntry& node) const;
    Result<Peer> make(const proto::NodeEntry& node, const contract::Channel& channel, base::net::TlsConfig own) const;

    base::net::Loop& loop_;
    base::net::LoopScope scope_;
    const std::string self_;
    std::map<std::string, base::net::Address> addresses_;
    std::vector<Peer> peers_;
    std::deque<std::shared_ptr<base::net::RpcClient>> retired_;  // until the last call on them is over
};

/// Who is calling: the channel's node whose name and key stand in the certificate that the TLS peer showed. That
/// certificate may be a newer one than the channel config's, if the same CA has given it to the same key. Loop thread
/// only.
class PeerDirectory {
public:
    explicit PeerDirectory(std::shared_ptr<const contract::Channel> channel) : channel_(std::move(channel)) {}
    void update(std::shared_ptr<const contract::Channel> channel);
    /// Error: unknown_peer.
    Result<std::string> name_of(ByteView certificate_der);

private:
    std::shared_ptr<const contract::Channel> channel_;
    std::map<Bytes, std::string> names_;  // by certificates that were good
};

}  // namespace fairstream::ledger::sync
