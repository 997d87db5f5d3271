#pragma once

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// What the consortium has set: fees, shares, deadlines.
namespace fairstream::chaincode::marketplace {

Result<schema::SettingsReply> configure(ledger::contract::Context& context, const schema::MarketSettings& settings);
Result<schema::SettingsReply> get_settings(ledger::contract::Context& context, const schema::GetSettingsRequest&);
Result<schema::MarketSettings> settings_now(ledger::contract::Context& context);

/// release < delivery < claim < challenge < refund, counted from `start`: when a batch was bought, or when bought time
/// ends.
schema::Deadlines deadlines_from(const schema::MarketSettings& settings, TimePoint start);

}  // namespace fairstream::chaincode::marketplace
