// fairstream-bench-node: a ledger node as fairstream-node runs it, with the benchmark's contract in place of the
// market's. `fairstream-bench ledger` starts it; nothing else does.
#include "base/file.hpp"
#include "benchmarks/ledger_contract.hpp"
#include "identity/crypto/keys.hpp"
#include "ledger/node/node.hpp"
#include "network/node_config.hpp"
#include "network/program.hpp"

namespace {

using namespace fairstream;

int run(network::NodeProgramConfig config) {
    base::Metrics metrics;
    base::net::Loop loop;
    network::Termination termination(loop);
    config.node.contracts = {benchmarks::ledger_contract()};
    config.node.on_failure = [&](const Error& error) { termination.fail(error.message); };
    const auto folder = config.node.data_folder;
    auto node = ledger::node::Node::start(loop, std::move(config.node), metrics);
    if (!node) {
        network::report_failure(node.error());
        return 1;
    }
    loop.start();
    const int exit_code = termination.wait();
    (*node)->stop();
    // What the benchmark asks about once its load is over.
    const auto verified = std::to_string(identity::crypto::verifications());
    if (auto written = base::write_file(folder / "verifications", as_bytes(verified)); !written) return 1;
    if (auto written = base::write_file(folder / "metrics", as_bytes(metrics.text())); !written) return 1;
    return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    return network::run_program(argc, argv, "A ledger node that fairstream-bench measures.", network::load_node_config,
                                run);
}
