#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

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
    };
    struct Link {
        std::string name;
        base::net::Address address;
    };

    /// A peer counts as itself only with a certificate of its own organisation's CA that carries its node name.
    /// Errors: unknown_peer (a link names no node of the channel, or this one), missing_peer (a node has no link).
    static Result<std::unique_ptr<Peers>> open(base::net::Loop& loop, const contract::Channel& channel,
                                               const std::string& self, const std::vector<Link>& links,
                                               const base::net::TlsConfig& own);

    const std::vector<Peer>& all() const { return peers_; }
    const Peer* peer(std::string_view name) const;
    std::size_t connected() const;
    void notify_all(proto::PeerMethod method, const Bytes& payload) const;
    void call(const Peer& peer, proto::PeerMethod method, Bytes payload, std::chrono::milliseconds timeout,
              base::net::RpcClient::ReplyHandler on_reply) const;

    void close() { peers_.clear(); }

private:
    std::vector<Peer> peers_;
};

/// Who is calling: the channel's node whose very certificate the TLS peer showed.
class PeerDirectory {
public:
    explicit PeerDirectory(const contract::Channel& channel);
    /// Error: unknown_peer.
    Result<std::string> name_of(ByteView certificate_der) const;

private:
    std::map<Bytes, std::string> names_;
};

}  // namespace fairstream::ledger::sync
