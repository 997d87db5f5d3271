// fairstream-operator: one storage operator; its broker runs beside it (mosquitto with libfairstream_gate.so).
#include "base/log.hpp"
#include "identity/did/did_key.hpp"
#include "network/operator_config.hpp"
#include "network/program.hpp"

namespace {

using namespace fairstream;
using namespace std::chrono_literals;
using mqtt_bridge::storage_operator::GatewayLedger;
using mqtt_bridge::storage_operator::OperatorDaemon;

int run(network::OperatorProgramConfig config) {
    base::net::Loop loop;
    network::Termination termination(loop);
    config.ledger.call_timeout = 5s;
    config.ledger.commit_timeout = 5s;
    ledger::client::Client client(loop, config.ledger);
    GatewayLedger ledger(client, {.key = config.daemon.key,
                                  .did = identity::did::did_from_key(config.daemon.key.public_key()),
                                  .certificate = {}});
    config.daemon.on_failure = [&](const Error& error) {
        termination.fail("this operator cannot go on: " + error.message + " (" + error.code + ")");
    };
    auto daemon = OperatorDaemon::start(loop, config.daemon, ledger);
    if (!daemon) {
        network::report_failure(daemon.error());
        return 1;
    }
    loop.start();
    base::log_info("{} serves {}, its broker {}", config.daemon.name, config.daemon.https_url, config.daemon.mqtt_url);
    auto renewal = std::make_unique<network::TlsRenewal>(
        loop, (*daemon)->metrics(), config.tls, config.daemon.tls,
        [&served = **daemon](const base::net::TlsConfig& tls) { return served.use(tls); });
    const int exit_code = termination.wait();
    base::log_info("{} stops", config.daemon.name);
    network::run_on(loop, [&] { renewal.reset(); });
    loop.stop();
    daemon->reset();
    return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    return network::run_program(argc, argv, "A storage operator: sessions, stream log, replication.",
                                network::load_operator_config, run);
}
