#pragma once

#include <map>
#include <string>
#include <vector>

#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/keys.hpp"
#include "security_manager/gate/meter.hpp"

namespace fairstream::mqtt_bridge::client {

/// What a buyer received under one purchase and which operator served it: each entry is credited once, and receipts are
/// cumulative (chaincode/schema, DeliveryReceipt).
class DeliveryRecord {
public:
    static constexpr std::size_t kMaxRanges = 64;  // per operator, in a receipt

    explicit DeliveryRecord(std::string purchase, std::uint64_t first_counter = 1)
        : purchase_(std::move(purchase)), counter_(first_counter - 1) {}

    /// Goes on from a receipt that was signed earlier, if it is later than what is known; what was credited since
    /// stays. Error: bad_receipt (does not parse, of another purchase).
    Status adopt(const chaincode::schema::SignedDeliveryReceipt& earlier);

    /// An operator whose entries would lie in too many pieces is not credited: who served the entry before is.
    void credit(const std::string& operator_name, std::uint64_t sequence);
    /// Credited since the last `next`.
    std::uint64_t unsigned_entries() const { return all_.entries() - signed_entries_; }
    std::uint64_t entries() const { return all_.entries(); }
    std::vector<chaincode::schema::OperatorRanges> served() const;

    /// A receipt over everything so far, with the next counter; the same once more if nothing was added.
    /// Precondition: entries() > 0.
    chaincode::schema::DeliveryReceipt next();

private:
    std::string purchase_;
    std::map<std::string, security_manager::gate::Meter> by_operator_;
    security_manager::gate::Meter all_;
    std::uint64_t counter_ = 0;  // of the newest receipt
    std::uint64_t signed_entries_ = 0;
};

/// Signed by pk_C over signing_input("delivery-receipt/v1", network, receipt).
chaincode::schema::SignedDeliveryReceipt sign_delivery(const chaincode::schema::DeliveryReceipt& receipt,
                                                       std::string_view network,
                                                       const identity::crypto::SigningKey& holder);

}  // namespace fairstream::mqtt_bridge::client
