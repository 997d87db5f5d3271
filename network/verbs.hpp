#pragma once

#include "marketplace_dapp/cli/session.hpp"

namespace CLI {
class App;
}

namespace fairstream::network {

/// Adds `network up|down|status|logs` and `demo`, and the supervisor's hidden verb. Parsing sets `chosen` to the work
/// of the verb that was named.
void add_network_verbs(CLI::App& app, marketplace_dapp::cli::Session& session, marketplace_dapp::cli::Command& chosen);

}  // namespace fairstream::network
