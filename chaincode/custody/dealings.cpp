#include "chaincode/custody/dealings.hpp"

#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/custody_records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::custody {

namespace names = schema::names;
namespace crypto = identity::crypto;
using crypto::custody::Point;
using ledger::contract::Context;

namespace {

constexpr std::size_t kMaxStreamIdBytes = 224;
constexpr std::size_t kHashBytes = 32;

std::string epoch_key(std::string_view kind, const std::string& stream_id, std::uint32_t key_epoch) {
    return std::string(kind) + "/" + stream_id + "/" + std::to_string(key_epoch);
}
std::string dealing_key(const std::string& stream_id, std::uint32_t key_epoch) {
    return epoch_key("dealing", stream_id, key_epoch);
}
std::string shares_key(const std::string& stream_id, std::uint32_t key_epoch) {
    return epoch_key("shares", stream_id, key_epoch);
}

Status check_seller(Context& context, const std::string& stream_id, const std::string& caller) {
    schema::GetStreamRequest request;
    request.set_stream_id(stream_id);
    FS_ASSIGN(const auto reply, rules::call<schema::OfferReply>(context, names::contract::kMarketplace,
                                                                names::marketplace::kGetStream, request));
    if (reply.offer().seller() == caller) return {};
    return fail("not_seller", "the stream is " + reply.offer().seller() + "'s");
}

/// The record with the roster and threshold of today.
schema::DealingRecord new_record(const Context& context, const schema::DealRequest& request,
                                 const std::string& seller) {
    schema::DealingRecord record;
    record.set_stream_id(request.stream_id());
    record.set_key_epoch(request.key_epoch());
    record.set_seller(seller);
    *record.mutable_commitments() = request.commitments();
    record.set_key_check_value(request.key_check_value());
    record.set_threshold(context.custody_threshold());
    for (const auto& entry : context.roster()) {
        record.add_organisations(entry.organisation);
        record.add_custodian_keys(rules::as_field(entry.custodian_key));
    }
    record.set_dealt_at_us(base::to_us(context.created_at()));
    return record;
}

Status verify(Context& context, const schema::DealingRecord& record, const schema::SharePackage& package) {
    std::vector<Point> commitments;
    for (const auto& bytes : record.commitments()) {
        FS_ASSIGN(const auto point, schema::to_point("commitment", bytes));
        commitments.push_back(point);
    }
    FS_ASSIGN(const auto shares, schema::to_shares(package, record.organisations_size()));
    FS_ASSIGN(const auto deal, schema::deal_context(context.channel(), record));
    return crypto::custody::verify_dealing(deal, commitments, shares);
}

}  // namespace

Result<schema::DealingRecord> deal(Context& context, const schema::DealRequest& request) {
    FS_ASSIGN(const auto seller, rules::direct_actor(context));
    FS_TRY(rules::check_text("stream_id", request.stream_id(), 1, kMaxStreamIdBytes));
    FS_TRY(rules::check_range("key_epoch", request.key_epoch(), 1, UINT32_MAX));
    FS_TRY(rules::check_size("key_check_value", request.key_check_value(), kHashBytes));
    FS_TRY(rules::check_range("commitments", request.commitments_size(), 1,
                              static_cast<std::int64_t>(context.roster().size())));
    FS_TRY(check_seller(context, request.stream_id(), seller));
    const auto key = dealing_key(request.stream_id(), request.key_epoch());
    FS_ASSIGN(const auto before, context.get(key));
    if (before)
        return fail("already_dealt", "key epoch " + std::to_string(request.key_epoch()) + " of this stream is dealt");
    const auto input = context.private_inputs();
    if (input.empty()) return fail("private_input_missing", "the encrypted shares travel as the private input");
    schema::SharePackage package;
    if (!package.ParseFromArray(input.data(), static_cast<int>(input.size())))
        return fail("bad_dealing", "the private input is not a SharePackage");
    const auto record = new_record(context, request, seller);
    FS_TRY(verify(context, record, package));
    FS_TRY(context.private_put(shares_key(request.stream_id(), request.key_epoch()), input));
    FS_TRY(rules::store(context, key, record));
    schema::Dealt event;
    event.set_stream_id(request.stream_id());
    event.set_key_epoch(request.key_epoch());
    rules::emit(context, names::custody::kDealt, event);
    return record;
}

Result<schema::DealingRecord> get_dealing(Context& context, const schema::GetDealingRequest& request) {
    return find_dealing(context, request.stream_id(), request.key_epoch());
}

Result<schema::DealingRecord> find_dealing(Context& context, const std::string& stream_id, std::uint32_t key_epoch) {
    FS_TRY(rules::check_text("stream_id", stream_id, 1, kMaxStreamIdBytes));
    return rules::require<schema::DealingRecord>(context, dealing_key(stream_id, key_epoch),
                                                 "dealing: key epoch " + std::to_string(key_epoch));
}

Result<schema::SharePackage> shares_of(Context& context, const schema::DealingRecord& dealing) {
    FS_ASSIGN(const auto value, context.private_get(shares_key(dealing.stream_id(), dealing.key_epoch())));
    if (!value) return fail("not_found", "the shares of this dealing are erased");
    schema::SharePackage package;
    if (!package.ParseFromArray(value->data(), static_cast<int>(value->size())))
        return fail("corrupt_state", "the private shares do not parse");
    return package;
}

}  // namespace fairstream::chaincode::custody
