#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"

/// Sets of sequence numbers as delivery receipts state them. Pure.
namespace fairstream::chaincode::security_manager {

constexpr int kMaxRanges = 64;  // per operator

/// Ascending, disjoint, 1 to 64 ranges, all within [first, last]. Error: bad_receipt.
Status check_ranges(const schema::OperatorRanges& served, std::uint64_t first, std::uint64_t last);

/// How many numbers they hold. Precondition: check_ranges.
std::uint64_t count(const schema::OperatorRanges& served);

/// True if no number stands in two operators' ranges. Precondition: check_ranges of each.
bool disjoint(const schema::DeliveryReceipt& receipt);

/// What `after` holds of this operator beyond `before`: ascending, disjoint ranges.
std::vector<schema::SequenceRange> added(const schema::DeliveryReceipt& before, const schema::OperatorRanges& after);

/// `after` without what it adds to `before` above `through`.
schema::DeliveryReceipt accepted(const schema::DeliveryReceipt& before, const schema::DeliveryReceipt& after,
                                 std::uint64_t through);

/// True if every operator's numbers in `before` are that operator's in `after` too.
bool includes(const schema::DeliveryReceipt& after, const schema::DeliveryReceipt& before);

}  // namespace fairstream::chaincode::security_manager
