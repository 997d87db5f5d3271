#pragma once

#include <memory>

#include "ledger/contract/context.hpp"

namespace fairstream::chaincode::trust {

/// Ratings and trust scores (marketplace.md, "Trust score"; the formula: chaincode/rules/trust.hpp).
///
///     Configure(TrustSettings) -> TrustSettingsReply      governance only
///     Rate(RateRequest) -> RatingReply                    a party of a settled or refunded purchase rates another: the
///                                                         seller the buyer; the buyer the seller and the operators
///     SealEpoch(SealEpochRequest) -> TrustEpochReply      anyone, once the open epoch has had its least length
///     Reveal(RevealRequest) -> RatingReply                the rater, after the seal and within the reveal time
///     ComputeEpoch(ComputeEpochRequest) -> TrustEpochReply  anyone, once all ratings of the epoch are revealed or the
///                                                         reveal time has passed; epochs in order, each in as many
///                                                         calls as it takes until `computed`
///     GetSettings, GetEpoch, ListRatings, GetScore        anyone
///
/// An opinion that is not revealed in time does not count. Outcome and value are fixed when rated.
///
/// Errors: not_settled, not_party, already_rated, not_found, not_rater, already_revealed, commitment_mismatch,
/// not_sealed, wrong_epoch, out_of_order, already_computed, too_early, too_late, governance_only, not_an_actor,
/// bad_arguments.
std::shared_ptr<const ledger::contract::Contract> make_contract();

}  // namespace fairstream::chaincode::trust
