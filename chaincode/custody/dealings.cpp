#include "chaincode/custody/dealings.hpp"

#include <algorithm>

#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::custody {

namespace names = schema::names;
namespace crypto = identity::crypto;
using crypto::custody::EncryptedShare;
using crypto::custody::Point;
using crypto::custody::Scalar;
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

template <typename Array>
Result<Array> to_array(std::string_view field, const std::string& bytes) {
    Array out{};
    FS_TRY(rules::check_size(field, bytes, out.size()));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
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

Result<std::vector<EncryptedShare>> read_shares(const schema::SharePackage& package, int custodians) {
    if (package.y_size() != custodians || package.challenge_size() != custodians ||
        package.response_size() != custodians)
        return fail("bad_dealing", "the private input holds other than one share per custodian");
    std::vector<EncryptedShare> shares;
    for (int i = 0; i < custodians; ++i) {
        EncryptedShare share{};
        FS_ASSIGN(share.y, to_point("y", package.y(i)));
        FS_ASSIGN(share.challenge, to_scalar("challenge", package.challenge(i)));
        FS_ASSIGN(share.response, to_scalar("response", package.response(i)));
        shares.push_back(share);
    }
    return shares;
}

Status verify(Context& context, const schema::DealingRecord& record, const schema::SharePackage& package) {
    std::vector<Point> commitments;
    for (const auto& bytes : record.commitments()) {
        FS_ASSIGN(const auto point, to_point("commitment", bytes));
        commitments.push_back(point);
    }
    FS_ASSIGN(const auto shares, read_shares(package, record.organisations_size()));
    FS_ASSIGN(const auto deal, context_of(context, record));
    return crypto::custody::verify_dealing(deal, commitments, shares);
}

}  // namespace

Result<Point> to_point(std::string_view field, const std::string& bytes) {
    return to_array<Point>(field, bytes);
}
Result<Scalar> to_scalar(std::string_view field, const std::string& bytes) {
    return to_array<Scalar>(field, bytes);
}

Result<crypto::custody::DealContext> context_of(const Context& context, const schema::DealingRecord& dealing) {
    crypto::custody::DealContext deal{.network = std::string(context.channel()),
                                      .stream = dealing.stream_id(),
                                      .key_epoch = dealing.key_epoch(),
                                      .seller = dealing.seller(),
                                      .roster = {},
                                      .threshold = dealing.threshold()};
    for (int i = 0; i < dealing.organisations_size(); ++i) {
        FS_ASSIGN(const auto key, to_point("custodian key", dealing.custodian_keys(i)));
        deal.roster.emplace_back(dealing.organisations(i), key);
    }
    return deal;
}

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
