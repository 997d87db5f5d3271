#pragma once

#include <string>
#include <vector>

#include "chaincode/schema/trust.pb.h"
#include "ledger/contract/context.hpp"

/// Ratings: committed to while a trust epoch is open, revealed once it is sealed.
///
/// What `Rate` writes is its own, but for a count that deltas keep: ratings of one block never conflict, and none of
/// them conflicts with anything but the seal of its epoch.
namespace fairstream::chaincode::trust {

Result<schema::RatingReply> rate(ledger::contract::Context& context, const schema::RateRequest& request);
Result<schema::RatingReply> reveal(ledger::contract::Context& context, const schema::RevealRequest& request);
Result<schema::ListRatingsReply> list_ratings(ledger::contract::Context& context,
                                              const schema::ListRatingsRequest& request);

/// How many ratings of this epoch are not revealed.
Result<std::int64_t> hidden_ratings(ledger::contract::Context& context, std::uint64_t epoch);
/// DIDs above `after` that have revealed ratings of this epoch, in order, at most `limit`.
Result<std::vector<std::string>> rated_in(ledger::contract::Context& context, std::uint64_t epoch,
                                          const std::string& after, std::uint32_t limit);
/// The revealed ratings of `ratee` made in the epochs first..last, in the order they were made; at most `limit`, of
/// the newest epochs.
Result<std::vector<schema::PartyRating>> ratings_of(ledger::contract::Context& context, const std::string& ratee,
                                                    std::uint64_t first, std::uint64_t last, std::uint32_t limit);

}  // namespace fairstream::chaincode::trust
