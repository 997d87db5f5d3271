#pragma once

#include "marketplace_dapp/cli/session.hpp"

namespace CLI {
class App;
}

namespace fairstream::network {

/// Adds `receipt get` and `receipt verify`. Parsing sets `chosen` to the work of the verb that was named.
void add_receipt_verbs(CLI::App& app, marketplace_dapp::cli::Session& session, marketplace_dapp::cli::Command& chosen);

}  // namespace fairstream::network
