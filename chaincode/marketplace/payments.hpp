#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "chaincode/marketplace/shares.hpp"
#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// Money out of a purchase's escrow, and word of it.
namespace fairstream::chaincode::marketplace {

/// What each account is owed.
using Due = std::map<std::string, std::int64_t>;

/// Adds what the deliveries `after` have earned of `part` beyond those `before`.
void add_due(Due& due, const schema::Agreement& agreement, const Part& part, const Deliveries& before,
             const Deliveries& after);

Status pay(ledger::contract::Context& context, const schema::Purchase& purchase, const std::string& account,
           std::int64_t amount_micro);
/// Pays all of it; returns how much left escrow.
Result<std::int64_t> pay(ledger::contract::Context& context, const schema::Purchase& purchase, const Due& due);

/// An operator keeps the account that its first entry of this purchase was paid to, also when the consortium gives the
/// operator another key meanwhile.
void keep_accounts(const schema::PurchaseProgress& before, Deliveries& deliveries);

void tell_paid(ledger::contract::Context& context, const schema::Purchase& purchase,
               const schema::PurchaseProgress& progress);
void tell_refunded(ledger::contract::Context& context, const schema::Purchase& purchase, std::int64_t amount_micro);

}  // namespace fairstream::chaincode::marketplace
