#include "mqtt_bridge/client/delivery_record.hpp"

namespace fairstream::mqtt_bridge::client {

namespace schema = chaincode::schema;
using identity::crypto::signing_input;

Result<DeliveryRecord> DeliveryRecord::after(const schema::SignedDeliveryReceipt& earlier, std::string purchase) {
    schema::DeliveryReceipt receipt;
    if (!receipt.ParseFromString(earlier.receipt()) || receipt.purchase() != purchase)
        return fail("bad_receipt", "not a delivery receipt of purchase " + purchase);
    DeliveryRecord out(std::move(purchase));
    FS_ASSIGN(out.served_, ServedRanges::from_receipt(receipt));
    out.signed_entries_ = out.served_.entries();
    out.counter_ = receipt.counter();
    return out;
}

schema::DeliveryReceipt DeliveryRecord::next() {
    if (unsigned_entries() > 0 || counter_ == 0) ++counter_;
    signed_entries_ = served_.entries();
    return served_.to_receipt(purchase_, counter_);
}

schema::SignedDeliveryReceipt sign_delivery(const schema::DeliveryReceipt& receipt, std::string_view network,
                                            const identity::crypto::SigningKey& holder) {
    schema::SignedDeliveryReceipt out;
    out.set_receipt(receipt.SerializeAsString());
    out.set_signature(
        base::to_string(holder.sign(signing_input("delivery-receipt/v1", network, as_bytes(out.receipt())))));
    return out;
}

identity::crypto::Signature sign_download_token(std::string_view grant, std::string_view network,
                                                const identity::crypto::SigningKey& holder) {
    return holder.sign(signing_input("download-token/v1", network, as_bytes(grant)));
}

Receipted sign_receipted(const schema::DeliveryReceipt& receipt, std::string_view grant, std::string_view network,
                         const identity::crypto::SigningKey& holder) {
    return {sign_delivery(receipt, network, holder), sign_download_token(grant, network, holder)};
}

}  // namespace fairstream::mqtt_bridge::client
