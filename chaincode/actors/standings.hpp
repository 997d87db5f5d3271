#pragma once

#include <string>

#include "chaincode/schema/trust.pb.h"
#include "ledger/contract/context.hpp"

/// What ratings have made of each DID's credibility. Contract trust computes it; it lies in a record of its own, so
/// that a new score and a renewed credential never conflict.
namespace fairstream::chaincode::actors {

Result<schema::Standing> set_standing(ledger::contract::Context& context, const schema::Standing& standing);
Result<schema::StandingReply> get_standing(ledger::contract::Context& context,
                                           const schema::GetStandingRequest& request);

/// That of the unrated, if the DID was never rated.
Result<schema::Standing> standing_of(ledger::contract::Context& context, const std::string& did);

}  // namespace fairstream::chaincode::actors
