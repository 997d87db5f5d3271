#pragma once

#include <map>
#include <set>

#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/client/endpoint.hpp"
#include "mqtt_bridge/operator/broker_link.hpp"
#include "mqtt_bridge/operator/ledger_port.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

/// The other operators on the ledger, and a connection to each one's broker, authenticated as this operator. Follows
/// the ledger's list: who joins is connected to, who moves is found again. On the loop thread.
class Peers {
public:
    struct Config {
        std::string self;
        std::string network;
        identity::crypto::SigningKey key;
        std::string trusted_roots;
    };
    struct Events {
        std::function<void(const std::string& name)> on_up;
        std::function<void(const std::string& name)> on_down;
        /// What the ledger lists for this operator itself; nullptr: it is not registered yet.
        std::function<void(const client::OperatorEndpoint* self)> on_listed;
    };

    Peers(base::net::Loop& loop, base::Pool& pool, LedgerPort& ledger, Config config, Events events);

    /// Asks the ledger now and then from here on.
    void start();
    /// To the topic fs/1/op/{self}/replicate at that operator's broker. Errors: unknown_peer, not_connected, busy.
    Status send(const std::string& name, ByteView payload);
    /// nullptr for who is not listed.
    const identity::crypto::VerifyingKey* key_of(const std::string& name) const;
    std::size_t connected() const;
    std::size_t listed() const { return peers_.size(); }
    void close();

private:
    static constexpr std::size_t kMaxPeers = 256;
    struct Peer {
        client::OperatorEndpoint at;
        identity::crypto::VerifyingKey key;
        std::unique_ptr<BrokerLink> link;
    };

    void ask();
    void listed_now(const Result<chaincode::schema::ListOperatorsReply>& reply);
    void take(const client::OperatorEndpoint& at);
    std::unique_ptr<BrokerLink> connect(const client::OperatorEndpoint& at);

    base::net::Loop& loop_;
    base::net::LoopScope scope_;
    base::Pool& pool_;
    LedgerPort& ledger_;
    const Config config_;
    const Events events_;
    std::map<std::string, Peer> peers_;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
