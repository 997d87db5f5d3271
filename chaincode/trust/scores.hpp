#pragma once

#include "chaincode/schema/trust.pb.h"
#include "ledger/contract/context.hpp"

/// From ratings to scores.
namespace fairstream::chaincode::trust {

/// Scores everyone who has a rating in the window of the last 10 epochs, or had one that has just left it: from the
/// ratings of the window, weighed with the raters' credibility as it stood one epoch back and their identifiers as they
/// are now. One call scores as many as fit a transaction, in the order of their DIDs.
Result<schema::TrustEpochReply> compute_epoch(ledger::contract::Context& context,
                                              const schema::ComputeEpochRequest& request);

/// Of any DID. The consortium vouches for active operators: their reputation is ONE. Others have that of their
/// identifiers.
Result<schema::TrustScore> get_score(ledger::contract::Context& context, const schema::GetScoreRequest& request);

}  // namespace fairstream::chaincode::trust
