// fairstream-node: a ledger node of one organisation with the market's contracts, and the organisation's key custodian.
#include "base/log.hpp"
#include "chaincode/actors/contract.hpp"
#include "chaincode/credits/contract.hpp"
#include "chaincode/custody/contract.hpp"
#include "chaincode/governance/contract.hpp"
#include "chaincode/marketplace/contract.hpp"
#include "chaincode/security_manager/contract.hpp"
#include "chaincode/trust/contract.hpp"
#include "identity/msp/certificate.hpp"
#include "ledger/node/node.hpp"
#include "ledger/proto/ledger.pb.h"
#include "network/expiry.hpp"
#include "network/file_watch.hpp"
#include "network/node_config.hpp"
#include "network/operations_server.hpp"
#include "network/program.hpp"
#include "security_manager/custodian/custodian.hpp"

namespace {

using namespace fairstream;
using namespace std::chrono_literals;

ledger::contract::Contracts market_contracts() {
    return {chaincode::governance::make_contract(), chaincode::credits::make_contract(),
            chaincode::actors::make_contract(),     chaincode::security_manager::make_contract(),
            chaincode::custody::make_contract(),    chaincode::marketplace::make_contract(),
            chaincode::trust::make_contract()};
}

/// The custodian speaks to its own organisation's node only.
ledger::client::Options own_gateway(const network::NodeProgramConfig& config, std::uint16_t port) {
    ledger::proto::ChannelConfig genesis;
    genesis.ParseFromArray(config.node.genesis.data(), static_cast<int>(config.node.genesis.size()));
    return {.channel = genesis.channel(),
            .gateways = {{.address = {.host = config.node.gateway_listen.host, .port = port},
                          .server_name = config.node.name}},
            .trusted_roots = config.trusted_roots,
            .call_timeout = 5s,
            .commit_timeout = 5s};
}

/// Takes what a running node can take of a changed certificate or config file: the certificate, and the custodian's
/// keys.
class Renewal {
public:
    Renewal(base::net::Loop& loop, const network::NodeProgramConfig& config, ledger::node::Node& node,
            security_manager::custodian::Custodian& custodian, network::OperationsServer* operations)
        : config_(config),
          node_(node),
          custodian_(custodian),
          operations_(operations),
          watch_(loop, {config.file, config.certificate_file}, [this](const auto& changed) { return take(changed); }) {}

private:
    Status take(const std::set<std::filesystem::path>& changed) {
        FS_ASSIGN(auto config, network::load_node_config(config_.file));
        custodian_.use_keys_besides(std::move(config.other_custodian_keys));
        if (!changed.contains(config_.certificate_file)) return {};
        FS_TRY(node_.use_certificate(config.node.certificate_chain));
        if (operations_ != nullptr)
            FS_TRY(operations_->use({config.node.certificate_chain, config_.node.key.to_pem(), {}}));
        base::log_info("the certificate in {} is in use from now on", config_.certificate_file.string());
        return {};
    }

    const network::NodeProgramConfig& config_;
    ledger::node::Node& node_;
    security_manager::custodian::Custodian& custodian_;
    network::OperationsServer* const operations_;  // null: not served
    network::FileWatch watch_;
};

int run(network::NodeProgramConfig config) {
    base::Metrics metrics;
    base::net::Loop loop;
    network::Termination termination(loop);
    base::SpanQueue spans;
    const auto exporter = network::export_traces(config.traces, "fairstream-node", config.node.name, spans, metrics);
    if (exporter) config.node.spans = &spans;
    config.node.contracts = market_contracts();
    config.node.on_failure = [&](const Error& error) {
        termination.fail("this node cannot go on: " + error.message + " (" + error.code + ")");
    };
    auto node = ledger::node::Node::start(loop, config.node, metrics);
    if (!node) {
        network::report_failure(node.error());
        return 1;
    }
    std::unique_ptr<network::OperationsServer> operations;
    if (config.operations_listen) {
        auto listening = network::OperationsServer::listen(
            loop, *config.operations_listen, {config.node.certificate_chain, config.node.key.to_pem(), {}}, **node,
            metrics);
        if (!listening) {
            network::report_failure(listening.error());
            return 1;
        }
        operations = std::move(*listening);
    }
    auto expiry = std::make_unique<network::ExpiryWatch>(loop, metrics, [&, name = config.node.name] {
        return std::vector<network::Expiring>{{"certificate of " + name, (*node)->health().certificate_until}};
    });
    loop.start();
    const auto ports = (*node)->ports();
    base::log_info("{} listens: peers {}, gateway {}", config.node.name, ports.peer, ports.gateway);
    ledger::client::Client client(loop, own_gateway(config, ports.gateway));
    security_manager::custodian::Custodian custodian(loop, client, config.member, config.custodian_key,
                                                     {.state_file = config.node.data_folder / "custodian.yaml"});
    custodian.use_keys_besides(config.other_custodian_keys);
    auto renewal = std::make_unique<Renewal>(loop, config, **node, custodian, operations.get());
    if (auto started = custodian.start(); !started) {
        base::log_error("custodian: {} ({})", started.error().message, started.error().code);
        return 1;
    }
    const int exit_code = termination.wait();
    base::log_info("{} stops", config.node.name);
    custodian.stop();
    network::run_on(loop, [&] {
        renewal.reset();
        expiry.reset();
        operations.reset();
    });
    (*node)->stop();
    return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    return network::run_program(argc, argv, "A ledger node of one organisation, and its key custodian.",
                                network::load_node_config, run);
}
