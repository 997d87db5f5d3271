#pragma once

#include "chaincode/schema/trust.pb.h"
#include "ledger/contract/context.hpp"

/// Trust epochs: open, sealed, computed; one after the other. Epoch 1 is open from the channel's first block on.
namespace fairstream::chaincode::trust {

Result<schema::TrustEpochReply> seal_epoch(ledger::contract::Context& context, const schema::SealEpochRequest& request);
Result<schema::TrustEpochReply> get_epoch(ledger::contract::Context& context,
                                          const schema::GetTrustEpochRequest& request);

/// The one that ratings are made in. It changes with a seal only.
Result<schema::TrustEpoch> open_epoch(ledger::contract::Context& context);
/// Error: not_sealed, for the open one and those to come.
Result<schema::TrustEpoch> sealed_epoch(ledger::contract::Context& context, std::uint64_t number);
Status store_sealed(ledger::contract::Context& context, const schema::TrustEpoch& epoch);

}  // namespace fairstream::chaincode::trust
