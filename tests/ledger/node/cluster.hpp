#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/metrics.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "ledger/client/client.hpp"
#include "ledger/node/node.hpp"
#include "ledger/proto/methods.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests {

/// Real nodes, one per organisation, in this process: TLS on loopback, RocksDB and files in a temporary folder. A node
/// is killed by destroying it, and started again on its data.
class Cluster {
public:
    explicit Cluster(std::size_t nodes, bool started = true);
    /// Not started; with another genesis config, and another config of every node.
    Cluster(std::size_t nodes, const std::function<void(ledger::proto::ChannelConfig&)>& genesis,
            std::function<void(ledger::node::NodeConfig&)> every_node);
    ~Cluster();

    std::size_t size() const { return members_.size(); }
    ledger::node::NodeConfig config(std::size_t node) const;
    /// Starts the node; answers why it did not.
    Status start(std::size_t node);
    /// The same with a changed config.
    Status start(std::size_t node, const std::function<void(ledger::node::NodeConfig&)>& change);
    /// One more organisation with a node of its own, which no config lists yet; its number.
    std::size_t add_member();
    /// As a channel config lists it.
    ledger::proto::Organisation organisation_entry(std::size_t node) const;
    ledger::proto::NodeEntry node_entry(std::size_t node) const;
    /// A certificate of the node's organisation.
    identity::msp::MemberCertificate issue(std::size_t node, identity::msp::Role role, const std::string& name,
                                           const identity::crypto::SigningKey& key) const;

    /// The config in force at `node`.
    ledger::proto::ChannelConfig config_in_force(std::size_t node = 0);
    /// `config` as the next epoch, approved by an admin of each of these organisations.
    ledger::proto::ConfigUpdate approve(ledger::proto::ChannelConfig config, const std::vector<std::size_t>& by) const;
    /// Changes the config in force, with the approval of a majority, through node 0.
    Result<ledger::client::Commit> reconfigure(const std::function<void(ledger::proto::ChannelConfig&)>& change);
    void stop(std::size_t node);
    /// Waits until every running node says that it is ready.
    bool ready();

    std::string name(std::size_t node) const { return "node" + std::to_string(node); }
    std::filesystem::path folder(std::size_t node) const { return folder_ / name(node); }
    Status use_certificate(std::size_t node, std::string chain) {
        return members_[node]->node->use_certificate(std::move(chain));
    }
    std::string metrics(std::size_t node) const { return members_[node]->metrics->text(); }
    ledger::node::Health health(std::size_t node) const { return members_[node]->node->health(); }
    const Bytes& genesis() const { return genesis_; }

    /// A client that knows these gateways, in this order.
    std::unique_ptr<ledger::client::Client> client(std::vector<std::size_t> gateways = {0});
    ledger::client::Options options(const std::vector<std::size_t>& gateways) const;
    /// One call on a node's gateway, without the client's care.
    Result<Bytes> call_gateway(std::size_t node, ledger::proto::GatewayMethod method, Bytes payload);
    /// One call on a node's peer port, with the given certificate and key.
    Result<Bytes> call_peer_port(std::size_t node, ledger::proto::PeerMethod method, Bytes payload,
                                 const base::net::TlsConfig& tls);
    /// The same one-way; the node has taken it when this returns.
    void notify_peer_port(std::size_t node, ledger::proto::PeerMethod method, Bytes payload,
                          const base::net::TlsConfig& tls);

    /// All running nodes have the same newest block, at `height` or above, and it is sealed.
    bool agree(std::uint64_t height = 1);

    /// What a node shows, and holds the key of, on its links.
    base::net::TlsConfig tls(std::size_t node) const;
    /// A CA of the consortium.
    const identity::msp::OrganisationCa& ca(std::size_t node) const { return members_[node]->ca; }
    std::string roots() const { return roots_; }
    base::net::Loop& loop() { return client_loop_; }

    ledger::client::Identity alice;

private:
    struct Member {
        explicit Member(identity::msp::OrganisationCa authority) : ca(std::move(authority)) {}
        identity::msp::OrganisationCa ca;
        identity::crypto::SigningKey key = identity::crypto::SigningKey::generate();
        identity::crypto::SigningKey admin = identity::crypto::SigningKey::generate();
        identity::crypto::SigningKey custodian = identity::crypto::SigningKey::generate();
        std::string certificate;
        Bytes certificate_der;
        std::uint16_t peer_port = 0;
        std::uint16_t gateway_port = 0;
        std::unique_ptr<base::Metrics> metrics;
        std::unique_ptr<base::net::Loop> loop;
        std::unique_ptr<ledger::node::Node> node;
    };
    void make_member(std::size_t index);
    void make_genesis(const std::function<void(ledger::proto::ChannelConfig&)>& change);

    TemporaryFolder folder_;
    std::function<void(ledger::node::NodeConfig&)> every_node_;
    std::vector<std::unique_ptr<Member>> members_;
    std::string roots_;
    Bytes genesis_;
    base::net::Loop client_loop_;
};

/// Shorthands for the kv contract.
ledger::client::Invocation kv(std::string function, std::string_view arguments, std::string_view private_inputs = {});
std::string text(const Result<Bytes>& answer);  // the answer, or "error: <code>"
std::string code(const Status& status);
template <typename T>
std::string code(const Result<T>& result) {
    return result ? std::string("ok") : result.error().code;
}

}  // namespace fairstream::tests
