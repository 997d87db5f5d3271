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

struct SubscribeOptions {
    std::string purchase;
    std::filesystem::path output;     // empty: standard output
    std::uint32_t renew_windows = 0;  // 0: the subscription ends with the time that is paid for
    std::chrono::milliseconds operator_timeout{5'000};
};
Result<Answer> subscribe(Session& session, const SubscribeOptions& options);

/// Buys `windows` more from where the purchase ends.
Result<Answer> renew(Session& session, const std::string& purchase, std::uint32_t windows);

}  // namespace fairstream::marketplace_dapp::cli
