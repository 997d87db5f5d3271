#pragma once

#include "marketplace_dapp/cli/session.hpp"

namespace CLI {
class App;
}

namespace fairstream::network {

/// Adds `node inspect|check|backup|restore`: a ledger node's files, while it does not run.
void add_node_verbs(CLI::App& app, marketplace_dapp::cli::Session& session, marketplace_dapp::cli::Command& chosen);

}  // namespace fairstream::network
