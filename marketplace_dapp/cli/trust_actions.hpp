#pragma once

#include "marketplace_dapp/cli/session.hpp"

/// What the verbs of ratings and trust do.
namespace fairstream::marketplace_dapp::cli {

struct RatingOptions {
    std::string purchase;
    std::string ratee;  // a key's or an operator's name, or a DID; empty: the other side of the purchase
    std::uint32_t score = 0;
};
Result<Answer> rate(Session& session, const RatingOptions& options);
Result<Answer> trust_reveal(Session& session, const RatingOptions& options);
Result<Answer> trust_ratings(Session& session, const std::string& purchase);
/// `who`: a key's or an operator's name, or a DID.
Result<Answer> trust_show(Session& session, const std::string& who);
Result<Answer> trust_epoch(Session& session, std::uint64_t epoch);
Result<Answer> trust_seal(Session& session);
Result<Answer> trust_compute(Session& session);

}  // namespace fairstream::marketplace_dapp::cli
