#pragma once

#include "marketplace_dapp/cli/session.hpp"

namespace fairstream::marketplace_dapp::cli {

/// What `offer search` asks the DApp for: GET /api/v1/offers, whose parameters these are. Empty or absent: not asked
/// for.
struct SearchOptions {
    std::string text, topic, near, mode;
    std::string radius_km = "10";
    std::optional<std::int64_t> max_price_micro;
    std::optional<std::uint32_t> min_trust;
    bool verified = false;
    std::uint32_t limit = 50;
};

/// Through the DApp of --network. Errors: no_dapp, bad_request (naming the parameter), those of the transport.
Result<Answer> offer_search(Session& session, const SearchOptions& options);

}  // namespace fairstream::marketplace_dapp::cli
