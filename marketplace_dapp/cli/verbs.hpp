#pragma once

#include "marketplace_dapp/cli/session.hpp"

namespace CLI {
class App;
}

namespace fairstream::marketplace_dapp::cli {

/// Adds the options that every verb takes.
void add_common_options(CLI::App& app, Session& session);

/// Adds id, credential, register, wallet, offer, upload, buy, fetch, get, refund, purchase, tx, rate and trust. Parsing
/// sets `chosen` to the work of the verb that was named. Keep what it returns for as long as the parser.
[[nodiscard]] std::shared_ptr<void> add_market_verbs(CLI::App& app, Session& session, Command& chosen);

}  // namespace fairstream::marketplace_dapp::cli
