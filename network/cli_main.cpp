// fairstream: the command line for every actor, for administrators and for starting a consortium on one machine.
#include <CLI/CLI.hpp>
#include <csignal>

#include "base/log.hpp"
#include "marketplace_dapp/cli/verbs.hpp"
#include "network/config_verbs.hpp"
#include "network/node_verbs.hpp"
#include "network/receipt_verbs.hpp"
#include "network/verbs.hpp"

int main(int argc, char** argv) {
    using namespace fairstream;
    std::signal(SIGPIPE, SIG_IGN);
    base::init_log("fairstream", base::LogLevel::kError);  // a link that is lost and found again is no news here
    marketplace_dapp::cli::Session session;
    marketplace_dapp::cli::Command chosen;
    CLI::App app("Fairstream: a market for IoT data that organisations run together");
    app.require_subcommand(1);
    app.set_version_flag("--version", "fairstream 0.1.0");
    app.footer(
        "Examples:\n  fairstream network up --dir D\n  fairstream get OFFER --as bob -o readings.json --network D\n"
        "Exit codes: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage.");
    marketplace_dapp::cli::add_common_options(app, session);
    const auto market_verbs = marketplace_dapp::cli::add_market_verbs(app, session, chosen);
    network::add_network_verbs(app, session, chosen);
    network::add_config_verbs(app, session, chosen);
    network::add_node_verbs(app, session, chosen);
    network::add_receipt_verbs(app, session, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return marketplace_dapp::cli::report(session, chosen());
}
