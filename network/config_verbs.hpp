#pragma once

#include "marketplace_dapp/cli/session.hpp"

namespace CLI {
class App;
}

namespace fairstream::network {

/// Adds `config show|propose|sign|submit|key`: the channel config in force and changes of it.
void add_config_verbs(CLI::App& app, marketplace_dapp::cli::Session& session, marketplace_dapp::cli::Command& chosen);

}  // namespace fairstream::network
