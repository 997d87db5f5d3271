// fairstream-dapp: the marketplace's REST interface and its read model in PostgreSQL.
#include <algorithm>
#include <string_view>

#include "base/log.hpp"
#include "marketplace_dapp/events/ledger_source.hpp"
#include "network/dapp_config.hpp"
#include "network/program.hpp"

namespace {

using namespace fairstream;
using namespace std::chrono_literals;
using marketplace_dapp::api::Api;
using marketplace_dapp::events::EventEngine;
using marketplace_dapp::events::LedgerSource;

constexpr auto kCommitTimeout = 20s;

int run(const network::DappProgramConfig& config, bool rebuild) {
    base::net::Loop loop;
    network::Termination termination(loop);
    base::Metrics metrics;
    auto submitted = config.submitted;
    submitted.commit_timeout = kCommitTimeout;
    ledger::client::Client followed(loop, config.followed);
    ledger::client::Client submitting(loop, submitted);
    LedgerSource source(followed);
    loop.start();
    EventEngine engine(source, config.api.database, {.network = config.followed.channel, .rebuild = rebuild}, metrics);
    auto api = Api::start(loop, config.api, submitting, engine, metrics);
    if (!api) {
        network::report_failure(api.error());
        return 1;
    }
    base::log_info("{} serves https://{}", config.name, config.api.listen.text());
    const int exit_code = termination.wait();
    base::log_info("{} stops", config.name);
    engine.stop();
    loop.stop();
    return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    // The one argument that only this program has.
    char** const end = std::remove_if(argv + 1, argv + argc,
                                      [](const char* argument) { return std::string_view(argument) == "--rebuild"; });
    const bool rebuild = end != argv + argc;
    return network::run_program(static_cast<int>(end - argv), argv,
                                "The marketplace: REST over HTTPS, and the read model in PostgreSQL behind it.\n"
                                "With --rebuild it first drops the read model and makes it again from the chain.",
                                network::load_dapp_config,
                                [rebuild](const network::DappProgramConfig& config) { return run(config, rebuild); });
}
