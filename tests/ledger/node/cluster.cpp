#include "tests/ledger/node/cluster.hpp"

#include <stdexcept>

#include "base/clock.hpp"
#include "identity/did/did_key.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/ledger/node/kv_contract.hpp"
#include "tests/support/ports.hpp"

namespace fairstream::tests {

using namespace std::chrono_literals;
using namespace ledger;
using identity::msp::OrganisationCa;

namespace {

template <typename T>
T need(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
    return std::move(*result);
}

identity::msp::Validity a_day() {
    return {base::wall_now() - 1h, base::wall_now() + 24h};
}

client::Identity new_actor() {
    client::Identity actor{identity::crypto::SigningKey::generate(), {}, {}};
    actor.did = identity::did::did_from_key(actor.key.public_key());
    return actor;
}

}  // namespace

Cluster::Cluster(std::size_t nodes, bool started) : alice(new_actor()) {
    client_loop_.start();
    for (std::size_t i = 0; i < nodes; ++i) make_member(i);
    make_genesis([](const auto&) {});
    for (std::size_t i = 0; started && i < nodes; ++i)
        if (auto status = start(i); !status) throw std::runtime_error(status.error().message);
    if (started && !ready()) throw std::runtime_error("the nodes do not become ready");
}

Cluster::Cluster(std::size_t nodes, const std::function<void(proto::ChannelConfig&)>& genesis,
                 std::function<void(node::NodeConfig&)> every_node)
    : alice(new_actor()), every_node_(std::move(every_node)) {
    client_loop_.start();
    for (std::size_t i = 0; i < nodes; ++i) make_member(i);
    make_genesis(genesis);
}

base::net::TlsConfig Cluster::tls(std::size_t node) const {
    return {members_[node]->certificate, members_[node]->key.to_pem(), roots_};
}

Cluster::~Cluster() {
    for (std::size_t i = 0; i < size(); ++i) stop(i);
}

void Cluster::make_member(std::size_t index) {
    auto member = std::make_unique<Member>(need(OrganisationCa::create("org" + std::to_string(index), a_day())));
    const auto certificate = need(member->ca.issue({.role = identity::msp::Role::kNode,
                                                    .name = name(index),
                                                    .key = member->key.public_key(),
                                                    .dns_names = {name(index)},
                                                    .ip_names = {"127.0.0.1"},
                                                    .validity = {a_day().from, a_day().until - 1h}}));
    member->certificate = certificate.to_pem();
    member->certificate_der = certificate.der;
    member->peer_port = own_port();
    member->gateway_port = own_port();
    roots_ += member->ca.certificate_pem();
    members_.push_back(std::move(member));
}

void Cluster::make_genesis(const std::function<void(proto::ChannelConfig&)>& change) {
    proto::ChannelConfig config;
    config.set_channel("test");
    config.set_epoch(1);
    config.set_custody_threshold(static_cast<std::uint32_t>(size() / 2 + 1));
    config.set_created_at_us(base::to_us(base::wall_now()));
    for (std::size_t i = 0; i < size(); ++i) {
        *config.add_organisations() = organisation_entry(i);
        *config.add_nodes() = node_entry(i);
        config.mutable_nodes()->rbegin()->clear_peer_address();  // each node's own config says it
    }
    auto& limits = *config.mutable_limits();
    limits.set_max_block_transactions(500);
    limits.set_max_block_bytes(4u << 20);
    limits.set_max_transaction_bytes(1u << 20);
    limits.set_block_interval_ms(5);
    limits.set_seal_after_ms(30);
    limits.set_round_timeout_ms(1000);
    limits.set_max_round_timeout_ms(4000);
    change(config);
    genesis_ = proto::encode(config);
}

node::NodeConfig Cluster::config(std::size_t index) const {
    const auto& member = *members_[index];
    node::NodeConfig config;
    config.name = name(index);
    config.data_folder = folder(index);
    config.genesis = genesis_;
    config.key = member.key;
    config.certificate_chain = member.certificate;
    config.peer_listen.port = member.peer_port;
    config.gateway_listen.port = member.gateway_port;
    for (std::size_t i = 0; i < size(); ++i)
        if (i != index) config.peers.push_back({name(i), {.host = "127.0.0.1", .port = members_[i]->peer_port}});
    config.contracts = {kv_contract()};
    if (every_node_) every_node_(config);
    return config;
}

std::size_t Cluster::add_member() {
    make_member(size());
    return size() - 1;
}

proto::Organisation Cluster::organisation_entry(std::size_t index) const {
    proto::Organisation organisation;
    organisation.set_name("org" + std::to_string(index));
    organisation.set_ca_certificate(proto::as_field(members_[index]->ca.certificate_der()));
    organisation.set_custodian_key(proto::as_field(members_[index]->custodian.public_key().compressed()));
    return organisation;
}

proto::NodeEntry Cluster::node_entry(std::size_t index) const {
    proto::NodeEntry node;
    node.set_name(name(index));
    node.set_organisation("org" + std::to_string(index));
    node.set_certificate(proto::as_field(members_[index]->certificate_der));
    node.set_peer_address("127.0.0.1:" + std::to_string(members_[index]->peer_port));
    return node;
}

identity::msp::MemberCertificate Cluster::issue(std::size_t node, identity::msp::Role role, const std::string& who,
                                                const identity::crypto::SigningKey& key) const {
    return need(members_[node]->ca.issue({.role = role,
                                          .name = who,
                                          .key = key.public_key(),
                                          .dns_names = {who},
                                          .ip_names = {"127.0.0.1"},
                                          .validity = {a_day().from, a_day().until - 1h}}));
}

proto::ChannelConfig Cluster::config_in_force(std::size_t node) {
    const auto info = need(proto::decode<proto::InfoReply>(need(call_gateway(node, proto::GatewayMethod::kInfo, {}))));
    return need(proto::decode<proto::ChannelConfig>(info.config()));
}

proto::ConfigUpdate Cluster::approve(proto::ChannelConfig config, const std::vector<std::size_t>& by) const {
    config.set_epoch(config.epoch() + 1);
    config.set_created_at_us(std::max(base::to_us(base::wall_now()), config.created_at_us() + 1));
    proto::ConfigUpdate update;
    update.set_config(config.SerializeAsString());
    for (const auto i : by) {
        const auto& admin = members_[i]->admin;
        auto& approval = *update.add_approvals();
        approval.set_certificate(
            proto::as_field(issue(i, identity::msp::Role::kAdmin, "admin" + std::to_string(i), admin).der));
        approval.set_signature(proto::as_field(
            admin.sign(identity::crypto::signing_input("config/v1", "test", as_bytes(update.config())))));
    }
    return update;
}

Result<client::Commit> Cluster::reconfigure(const std::function<void(proto::ChannelConfig&)>& change) {
    auto config = config_in_force();
    std::vector<std::size_t> admins;
    const auto needed = static_cast<std::size_t>(config.organisations_size()) / 2 + 1;
    for (std::size_t i = 0; i < size() && admins.size() < needed; ++i)
        if (std::ranges::any_of(config.organisations(),
                                [&](const auto& o) { return o.name() == "org" + std::to_string(i); }))
            admins.push_back(i);
    change(config);
    return client({0})->submit(alice, {"channel", "Configure", proto::encode(approve(config, admins)), {}});
}

Status Cluster::start(std::size_t index) {
    return start(index, [](auto&) {});
}

Status Cluster::start(std::size_t index, const std::function<void(node::NodeConfig&)>& change) {
    auto& member = *members_[index];
    member.metrics = std::make_unique<base::Metrics>();
    member.loop = std::make_unique<base::net::Loop>();
    member.loop->start();
    auto settings = config(index);
    change(settings);
    auto node = node::Node::start(*member.loop, std::move(settings), *member.metrics);
    if (!node) return fail(node.error());
    member.node = std::move(*node);
    return {};
}

void Cluster::stop(std::size_t index) {
    members_[index]->node.reset();
    members_[index]->loop.reset();
}

bool Cluster::ready() {
    return eventually(
        [this] {
            for (std::size_t i = 0; i < size(); ++i)
                if (members_[i]->node && !health(i).ready) return false;
            return true;
        },
        20s);
}

client::Options Cluster::options(const std::vector<std::size_t>& gateways) const {
    client::Options options;
    options.channel = "test";
    options.trusted_roots = roots_;
    for (const std::size_t i : gateways)
        options.gateways.push_back({{.host = "127.0.0.1", .port = members_[i]->gateway_port}, name(i)});
    return options;
}

std::unique_ptr<client::Client> Cluster::client(std::vector<std::size_t> gateways) {
    return std::make_unique<client::Client>(client_loop_, options(gateways));
}

Result<Bytes> Cluster::call_gateway(std::size_t node, proto::GatewayMethod method, Bytes payload) {
    const auto link = base::net::RpcClient::make(
        client_loop_, {.host = "127.0.0.1", .port = members_[node]->gateway_port}, {{}, {}, roots_}, name(node), {});
    return link->call_and_wait(static_cast<std::uint16_t>(method), std::move(payload), 10s);
}

Result<Bytes> Cluster::call_peer_port(std::size_t node, proto::PeerMethod method, Bytes payload,
                                      const base::net::TlsConfig& tls) {
    const auto link = base::net::RpcClient::make(client_loop_, {.host = "127.0.0.1", .port = members_[node]->peer_port},
                                                 tls, name(node), {});
    return link->call_and_wait(static_cast<std::uint16_t>(method), std::move(payload), 10s);
}

void Cluster::notify_peer_port(std::size_t node, proto::PeerMethod method, Bytes payload,
                               const base::net::TlsConfig& tls) {
    const auto link = base::net::RpcClient::make(client_loop_, {.host = "127.0.0.1", .port = members_[node]->peer_port},
                                                 tls, name(node), {});
    // Frames of one connection keep their order: an answer before the notice says that the link is up, one after it
    // that the notice was taken.
    const auto answered = [&] {
        return link->call_and_wait(static_cast<std::uint16_t>(proto::PeerMethod::kBlocks), {}, 10s);
    };
    static_cast<void>(answered());
    link->notify(static_cast<std::uint16_t>(method), std::move(payload));
    static_cast<void>(answered());
}

bool Cluster::agree(std::uint64_t height) {
    return eventually(
        [&] {
            std::optional<proto::InfoReply> first;
            for (std::size_t i = 0; i < size(); ++i) {
                if (!members_[i]->node) continue;
                const auto answer = call_gateway(i, proto::GatewayMethod::kInfo, {});
                if (!answer) return false;
                auto info = need(proto::decode<proto::InfoReply>(*answer));
                if (info.height() < height || info.sealed_height() != info.height()) return false;
                if (first && (first->height() != info.height() || first->block_hash() != info.block_hash()))
                    return false;
                first = std::move(info);
            }
            return true;
        },
        20s);
}

client::Invocation kv(std::string function, std::string_view arguments, std::string_view private_inputs) {
    return {"kv", std::move(function), to_bytes(arguments), to_bytes(private_inputs)};
}

std::string text(const Result<Bytes>& answer) {
    return answer ? base::to_string(*answer) : "error: " + answer.error().code;
}

std::string code(const Status& status) {
    return status ? "ok" : status.error().code;
}

}  // namespace fairstream::tests
