#pragma once

#include "chaincode/schema/security_manager.pb.h"

namespace fairstream::tests {

/// `served`: pairs of an operator's name and its ranges, each a first and a last number.
template <typename Served>
chaincode::schema::DeliveryReceipt delivery_receipt(const std::string& purchase, std::uint64_t counter,
                                                    const Served& served) {
    chaincode::schema::DeliveryReceipt receipt;
    receipt.set_purchase(purchase);
    receipt.set_counter(counter);
    for (const auto& [name, ranges] : served) {
        auto& one = *receipt.add_served();
        one.set_operator_(name);
        for (const auto& [first, last] : ranges) {
            auto& range = *one.add_ranges();
            range.set_first(first);
            range.set_last(last);
        }
    }
    return receipt;
}

}  // namespace fairstream::tests
