#pragma once

#include <string>

#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/client/served_ranges.hpp"

namespace fairstream::mqtt_bridge::client {

/// What a buyer received under one purchase, and the receipts for it, which are cumulative and numbered
/// (chaincode/schema, DeliveryReceipt).
class DeliveryRecord {
public:
    explicit DeliveryRecord(std::string purchase, std::uint64_t first_counter = 1)
        : purchase_(std::move(purchase)), counter_(first_counter - 1) {}

    /// Goes on from a receipt that was signed earlier. Error: bad_receipt (does not parse, of another purchase).
    static Result<DeliveryRecord> after(const chaincode::schema::SignedDeliveryReceipt& earlier, std::string purchase);

    void credit(const std::string& operator_name, std::uint64_t sequence) { served_.credit(operator_name, sequence); }
    void credit(const ServedRanges& served) { served_.credit(served); }
    const ServedRanges& served() const { return served_; }
    /// Credited since the last `next`.
    std::uint64_t unsigned_entries() const { return served_.entries() - signed_entries_; }

    /// A receipt over everything so far, with the next counter; the same once more if nothing was added.
    /// Precondition: an entry is credited.
    chaincode::schema::DeliveryReceipt next();

private:
    std::string purchase_;
    ServedRanges served_;
    std::uint64_t counter_ = 0;  // of the newest receipt
    std::uint64_t signed_entries_ = 0;
};

/// A cumulative delivery receipt, and phi_C, with which the operator may redeem it.
struct Receipted {
    chaincode::schema::SignedDeliveryReceipt receipt;
    identity::crypto::Signature token_signature{};
};

/// Signed by pk_C over signing_input("delivery-receipt/v1", network, receipt).
chaincode::schema::SignedDeliveryReceipt sign_delivery(const chaincode::schema::DeliveryReceipt& receipt,
                                                       std::string_view network,
                                                       const identity::crypto::SigningKey& holder);
/// phi_C: pk_C's signature over signing_input("download-token/v1", network, grant).
identity::crypto::Signature sign_download_token(std::string_view grant, std::string_view network,
                                                const identity::crypto::SigningKey& holder);
/// Both.
Receipted sign_receipted(const chaincode::schema::DeliveryReceipt& receipt, std::string_view grant,
                         std::string_view network, const identity::crypto::SigningKey& holder);

}  // namespace fairstream::mqtt_bridge::client
