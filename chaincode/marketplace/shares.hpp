#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chaincode/schema/marketplace.pb.h"

namespace fairstream::chaincode::marketplace {

struct Payment {
    std::string account;
    std::int64_t amount_micro = 0;
};

/// What everyone has earned of a purchase's price once `progress` is delivered: each operator by the entries it served
/// and the market its commission, floored; the seller the rest. What flooring leaves goes to the seller with the last
/// entry, so every account's sum only ever grows, and all of the price is paid once all is delivered.
/// Payments in the order: operators as in `progress`, market, seller.
std::vector<Payment> earned(const schema::Purchase& purchase, const schema::PurchaseProgress& progress);

/// How many entries the purchase covers.
std::uint64_t entries_of(const schema::Purchase& purchase);

}  // namespace fairstream::chaincode::marketplace
