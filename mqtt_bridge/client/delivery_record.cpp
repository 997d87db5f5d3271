#include "mqtt_bridge/client/delivery_record.hpp"

#include <algorithm>

namespace fairstream::mqtt_bridge::client {

namespace schema = chaincode::schema;
using identity::crypto::signing_input;

Status DeliveryRecord::adopt(const schema::SignedDeliveryReceipt& earlier) {
    schema::DeliveryReceipt receipt;
    if (!receipt.ParseFromString(earlier.receipt()) || receipt.purchase() != purchase_)
        return fail("bad_receipt", "not a delivery receipt of purchase " + purchase_);
    if (receipt.counter() <= counter_) return {};
    for (const auto& served : receipt.served())
        for (const auto& range : served.ranges()) {
            if (range.last() < range.first()) return fail("bad_receipt", "a range ends before it begins");
            by_operator_[served.operator_()].add(range.first(), range.last());
            all_.add(range.first(), range.last());
            signed_entries_ += range.last() - range.first() + 1;
        }
    signed_entries_ = std::min(signed_entries_, all_.entries());
    counter_ = receipt.counter();
    return {};
}

void DeliveryRecord::credit(const std::string& operator_name, std::uint64_t sequence) {
    if (all_.contains(sequence)) return;
    auto& own = by_operator_[operator_name];
    const bool joins = own.contains(sequence + 1) || (sequence > 0 && own.contains(sequence - 1));
    auto* credited = &own;
    if (!joins && own.ranges().size() >= kMaxRanges)
        for (auto& [name, meter] : by_operator_)
            if (sequence > 0 && meter.contains(sequence - 1)) credited = &meter;
    credited->add(sequence, sequence);
    all_.add(sequence, sequence);
}

std::vector<schema::OperatorRanges> DeliveryRecord::served() const {
    std::vector<schema::OperatorRanges> out;
    for (const auto& [name, meter] : by_operator_) {
        if (meter.entries() == 0) continue;
        schema::OperatorRanges& one = out.emplace_back();
        one.set_operator_(name);
        for (const auto& [first, last] : meter.ranges()) {
            schema::SequenceRange& range = *one.add_ranges();
            range.set_first(first);
            range.set_last(last);
        }
    }
    return out;
}

schema::DeliveryReceipt DeliveryRecord::next() {
    if (unsigned_entries() > 0 || counter_ == 0) ++counter_;
    signed_entries_ = all_.entries();
    schema::DeliveryReceipt out;
    out.set_purchase(purchase_);
    out.set_counter(counter_);
    for (const auto& one : served()) *out.add_served() = one;
    return out;
}

schema::SignedDeliveryReceipt sign_delivery(const schema::DeliveryReceipt& receipt, std::string_view network,
                                            const identity::crypto::SigningKey& holder) {
    schema::SignedDeliveryReceipt out;
    out.set_receipt(receipt.SerializeAsString());
    out.set_signature(
        base::to_string(holder.sign(signing_input("delivery-receipt/v1", network, as_bytes(out.receipt())))));
    return out;
}

}  // namespace fairstream::mqtt_bridge::client
