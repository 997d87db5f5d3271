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

/// A part of a purchase that is paid entry by entry: a batch, or what a batch carries of bought time.
struct Part {
    std::int64_t price_micro = 0;
    std::uint64_t entries = 0;  // at least 1
};

using Deliveries = google::protobuf::RepeatedPtrField<schema::OperatorDelivery>;

/// How many entries were delivered in all.
std::uint64_t delivered_of(const Deliveries& deliveries);

/// What everyone has earned of a part's price under `agreement` once `deliveries` are made: each operator by the
/// entries it served and the market its commission, floored; the seller the rest. What flooring leaves goes to the
/// seller with the last entry, so every account's sum only ever grows, and all of the price is paid once all is
/// delivered. Payments in the order: operators as in `deliveries`, market, seller. Precondition: delivered_of <=
/// entries.
std::vector<Payment> earned(const schema::Agreement& agreement, const Part& part, const Deliveries& deliveries);

/// All of a purchase of a batch.
Part whole(const schema::Purchase& purchase);

}  // namespace fairstream::chaincode::marketplace
