#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"

/// Sets of sequence numbers as delivery receipts state them. Pure.
namespace fairstream::chaincode::security_manager {

constexpr int kMaxRanges = 64;       // per operator, in a receipt
constexpr int kMaxHeldRanges = 128;  // per operator, of all its receipts

/// Ascending, disjoint, 1 to 64 ranges, all within [first, last]. Error: bad_receipt.
Status check_ranges(const schema::OperatorRanges& served, std::uint64_t first, std::uint64_t last);

/// How many numbers they hold. Precondition: check_ranges.
std::uint64_t count(const schema::OperatorRanges& served);

/// True if no number stands in two operators' ranges. Precondition: check_ranges of each.
bool disjoint(const schema::DeliveryReceipt& receipt);

/// What `now` adds to `before`: of each operator the numbers that no operator holds there yet, ascending, disjoint and
/// joined. Operators that add nothing are left out.
schema::DeliveryReceipt added(const schema::DeliveryReceipt& before, const schema::DeliveryReceipt& now);

/// `before` with those of the numbers of `more` that are not above `through`. Precondition: they are none of
/// `before`'s.
schema::DeliveryReceipt merged(const schema::DeliveryReceipt& before, const schema::DeliveryReceipt& more,
                               std::uint64_t through);

/// The operator's ranges, or nullptr.
const schema::OperatorRanges* find_served(const schema::DeliveryReceipt& receipt, std::string_view operator_name);

}  // namespace fairstream::chaincode::security_manager
