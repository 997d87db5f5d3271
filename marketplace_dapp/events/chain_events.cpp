#include "marketplace_dapp/events/chain_events.hpp"

#include <boost/json/array.hpp>
#include <charconv>
#include <functional>
#include <limits>
#include <map>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::marketplace_dapp::events {

namespace json = boost::json;
namespace names = chaincode::schema::names;
namespace schema = chaincode::schema;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

/// One value of a field; `index` of a repeated one, else below 0. Events have no nested messages.
json::value value_of(const Message& message, const FieldDescriptor* field, int index) {
    const auto* read = message.GetReflection();
    const bool one = index < 0;
    switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
            return one ? read->GetInt32(message, field) : read->GetRepeatedInt32(message, field, index);
        case FieldDescriptor::CPPTYPE_INT64:
            return one ? read->GetInt64(message, field) : read->GetRepeatedInt64(message, field, index);
        case FieldDescriptor::CPPTYPE_UINT32:
            return one ? read->GetUInt32(message, field) : read->GetRepeatedUInt32(message, field, index);
        case FieldDescriptor::CPPTYPE_UINT64:
            return one ? read->GetUInt64(message, field) : read->GetRepeatedUInt64(message, field, index);
        case FieldDescriptor::CPPTYPE_BOOL:
            return one ? read->GetBool(message, field) : read->GetRepeatedBool(message, field, index);
        case FieldDescriptor::CPPTYPE_STRING: {
            const auto text = one ? read->GetString(message, field) : read->GetRepeatedString(message, field, index);
            return json::string(field->type() == FieldDescriptor::TYPE_BYTES ? base::to_hex(as_bytes(text)) : text);
        }
        default:
            return nullptr;
    }
}

json::object plain(const Message& message) {
    json::object out;
    const auto* kind = message.GetDescriptor();
    for (int i = 0; i < kind->field_count(); ++i) {
        const auto* field = kind->field(i);
        if (!field->is_repeated()) {
            out[field->name()] = value_of(message, field, -1);
            continue;
        }
        json::array all;
        for (int k = 0; k < message.GetReflection()->FieldSize(message, field); ++k)
            all.push_back(value_of(message, field, k));
        out[field->name()] = std::move(all);
    }
    return out;
}

struct Kind {
    const Message& message;
    const char* subject;  // the member that names it; empty: none
};

template <typename Payload>
Kind kind(const char* subject) {
    return {Payload::default_instance(), subject};
}

const std::map<std::string, Kind>& known() {
    namespace c = names::contract;
    const auto full = [](const char* contract, const char* name) { return std::string(contract) + "." + name; };
    static const std::map<std::string, Kind> table{
        {full(c::kActors, names::actors::kActorRegistered), kind<schema::ActorRegistered>("did")},
        {full(c::kCredits, names::credits::kTransferred), kind<schema::Transferred>("")},
        {full(c::kMarketplace, names::marketplace::kOfferCreated), kind<schema::OfferCreated>("offer")},
        {full(c::kMarketplace, names::marketplace::kBatchRecorded), kind<schema::BatchRecorded>("offer")},
        {full(c::kMarketplace, names::marketplace::kKeyEpochOpened), kind<schema::KeyEpochOpened>("offer")},
        {full(c::kMarketplace, names::marketplace::kPurchaseMade), kind<schema::PurchaseMade>("purchase")},
        {full(c::kMarketplace, names::marketplace::kPurchasePaid), kind<schema::PurchasePaid>("purchase")},
        {full(c::kMarketplace, names::marketplace::kPurchaseRefunded), kind<schema::PurchaseRefunded>("purchase")},
        {full(c::kCustody, names::custody::kShareReleased), kind<schema::ShareReleased>("purchase")},
        {full(c::kCustody, names::custody::kDealt), kind<schema::Dealt>("stream_id")},
        {full(c::kSecurityManager, names::security_manager::kGrantCreated), kind<schema::GrantCreated>("grant")},
        {full(c::kSecurityManager, names::security_manager::kOperatorsDrawn), kind<schema::OperatorsDrawn>("grant")},
        {full(c::kSecurityManager, names::security_manager::kGrantRevoked), kind<schema::GrantRevoked>("grant")},
        {full(c::kSecurityManager, names::security_manager::kUploadStored), kind<schema::UploadStored>("grant")},
        {full(c::kTrust, names::trust::kRatingMade), kind<schema::RatingMade>("purchase")},
        {full(c::kTrust, names::trust::kRatingRevealed), kind<schema::RatingRevealed>("purchase")},
        {full(c::kTrust, names::trust::kEpochSealed), kind<schema::EpochSealed>("")},
        {full(c::kTrust, names::trust::kTrustScored), kind<schema::TrustScored>("did")},
    };
    return table;
}

template <typename Number>
bool take_number(std::string_view& text, Number& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool take_dot(std::string_view& text) {
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

ToldEvent read_event(const std::string& contract, const std::string& name, const std::string& payload) {
    const auto found = known().find(contract + "." + name);
    const std::unique_ptr<Message> message(found == known().end() ? nullptr : found->second.message.New());
    if (!message || !message->ParseFromString(payload))
        return {.subject = {}, .payload = {{"payload", base::to_base64(as_bytes(payload))}}};
    ToldEvent out{.subject = {}, .payload = plain(*message)};
    if (const auto* subject = out.payload.if_contains(found->second.subject); subject && subject->is_string())
        out.subject = subject->get_string();
    return out;
}

std::string EventPlace::text() const {
    return std::to_string(block) + "." + std::to_string(position) + "." + std::to_string(number);
}

Result<EventPlace> EventPlace::parse(const std::string& text) {
    std::string_view rest = text;
    EventPlace place;
    const bool good = take_number(rest, place.block) && take_dot(rest) && take_number(rest, place.position) &&
                      take_dot(rest) && take_number(rest, place.number) && rest.empty();
    if (good && place.block <= INT64_MAX) return place;
    return fail("bad_request", "'" + text.substr(0, 64) + "' is no event's id, such as 12.0.3");
}

EventPlace EventPlace::end_of(std::uint64_t block) {
    constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();
    return {.block = block, .position = kLast, .number = kLast};
}

json::object cloud_event(const std::string& network, const EventPlace& place, const std::string& type,
                         const std::string& subject, std::uint64_t time_us, json::value data) {
    json::object out{{"specversion", "1.0"},
                     {"id", place.text()},
                     {"source", "/networks/" + network},
                     {"type", type},
                     {"time", base::to_rfc3339(base::from_us(time_us))},
                     {"datacontenttype", "application/json"},
                     {"data", std::move(data)}};
    if (!subject.empty()) out["subject"] = subject;
    return out;
}

}  // namespace fairstream::marketplace_dapp::events
