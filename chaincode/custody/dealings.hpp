#pragma once

#include <string>

#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "identity/crypto/custody.hpp"
#include "ledger/contract/context.hpp"

/// Dealings: a seller gives the custodians their encrypted shares of a key epoch's key.
namespace fairstream::chaincode::custody {

Result<schema::DealingRecord> deal(ledger::contract::Context& context, const schema::DealRequest& request);
Result<schema::DealingRecord> get_dealing(ledger::contract::Context& context, const schema::GetDealingRequest& request);

/// Error: not_found.
Result<schema::DealingRecord> find_dealing(ledger::contract::Context& context, const std::string& stream_id,
                                           std::uint32_t key_epoch);
/// The encrypted shares of a dealing. Errors: private_missing, not_found.
Result<schema::SharePackage> shares_of(ledger::contract::Context& context, const schema::DealingRecord& dealing);

}  // namespace fairstream::chaincode::custody
