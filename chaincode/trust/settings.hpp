#pragma once

#include "chaincode/schema/trust.pb.h"
#include "ledger/contract/context.hpp"

/// What the consortium has set: how long epochs last, what a full rating is worth.
namespace fairstream::chaincode::trust {

Result<schema::TrustSettingsReply> configure(ledger::contract::Context& context, const schema::TrustSettings& settings);
Result<schema::TrustSettingsReply> get_settings(ledger::contract::Context& context,
                                                const schema::GetTrustSettingsRequest&);
Result<schema::TrustSettings> settings_now(ledger::contract::Context& context);

}  // namespace fairstream::chaincode::trust
