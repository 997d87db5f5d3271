/// What comes to operators, writers and readers over MQTT and HTTPS: bundles, receipts, notices, range requests and
/// their answers. The manifest of a bundle may be well signed.
#include "mqtt_bridge/client/bundle.hpp"
#include "mqtt_bridge/client/delivery_record.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "mqtt_bridge/client/receipt.hpp"
#include "security_manager/service/delivery_book.hpp"
#include "tests/fuzz/known_key.hpp"

using namespace fairstream;
namespace client = mqtt_bridge::client;
namespace schema = chaincode::schema;

namespace {

std::string sign(std::string_view type, const std::string& message) {
    return base::to_string(tests::known_key().sign(identity::crypto::signing_input(type, "net", as_bytes(message))));
}

void a_bundle(ByteView bytes) {
    static_cast<void>(client::frames_of(bytes));
    static_cast<void>(client::check_bundle(to_bytes(bytes), "net", tests::known_key().public_key()));
    schema::Bundle bundle;
    if (!bundle.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
    bundle.mutable_manifest()->set_signature(sign("manifest/v1", bundle.manifest().manifest()));
    const auto raw = to_bytes(bundle.SerializeAsString());
    if (const auto checked = client::check_bundle(raw, "net", tests::known_key().public_key()))
        if (client::frames_of(raw)->size() != checked->last - checked->first + 1) __builtin_trap();
}

void receipts(ByteView bytes) {
    schema::StorageReceipt stored;
    if (stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        static_cast<void>(client::verify_receipt(stored, "net", tests::known_key().public_key()));
    schema::DownloadDataStreamRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
    auto& receipt = *request.mutable_receipt();
    if (auto record = client::DeliveryRecord::after(receipt, "p"); record && record->served().entries() > 0)
        static_cast<void>(record->next());
    receipt.set_signature(sign("delivery-receipt/v1", receipt.receipt()));
    security_manager::service::DeliveryBook book("net", {});
    static_cast<void>(book.accept({.grant = "g",
                                   .purchase = "p",
                                   .holder = tests::known_key().public_key(),
                                   .operators = {"op1", "op2"},
                                   .first = 1,
                                   .last = 1000,
                                   .window = 10},
                                  request, TimePoint::max(), {}));
    static_cast<void>(book.take_changed());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes{data, size};
    a_bundle(bytes);
    receipts(bytes);
    if (const auto notice = client::Notice::decode(as_text(bytes)))
        if (!client::Notice::decode(notice->encode())) __builtin_trap();
    static_cast<void>(client::RangeRequest::decode(bytes));
    static_cast<void>(client::split_frames(bytes));
    security_manager::service::DeliveryBook book("net", {});
    if (book.restore(bytes, {})) static_cast<void>(book.due(TimePoint::max(), 8));
    return 0;
}
