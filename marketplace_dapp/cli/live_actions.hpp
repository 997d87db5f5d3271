#pragma once

#include <chrono>

#include "marketplace_dapp/cli/session.hpp"

/// Live streams: sold, bought and read as they are born. These verbs run until their end, SIGINT or SIGTERM; with
/// --json they answer in lines of JSON, each with an "event", the last one the summary.
namespace fairstream::marketplace_dapp::cli {

struct StreamOptions {
    std::string offer;
    std::chrono::milliseconds key_epoch{60'000};
    std::chrono::milliseconds every{0};  // with `command`
    std::vector<std::string> command;    // empty: lines from standard input
};
Result<Answer> stream(Session& session, const StreamOptions& options);

}  // namespace fairstream::marketplace_dapp::cli
