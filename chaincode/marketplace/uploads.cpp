#include "chaincode/marketplace/uploads.hpp"

#include <algorithm>
#include <chrono>

#include "chaincode/marketplace/draft.hpp"
#include "chaincode/marketplace/key_epochs.hpp"
#include "chaincode/marketplace/offers.hpp"
#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::chrono::hours kUploadGrantLife{24};
constexpr std::chrono::hours kStreamGrantLife{31 * 24};  // one streaming session
constexpr std::int64_t kMaxKeyEpoch = UINT32_MAX;
constexpr std::uint32_t kMaxBatches = 1'000'000;
constexpr std::size_t kMaxBatchNameBytes = 128;
constexpr std::size_t kHashBytes = 32;
constexpr std::int64_t kMaxPlaintextBytes = std::int64_t{1} << 50;

/// Of batches: a key epoch that no token and no batch has had, so that an upload that was given up cannot spoil the
/// next one's key. Of live streams: the one that can be opened next.
Result<std::uint32_t> next_key_epoch(Context& context, const schema::Offer& offer, const schema::Batch& last) {
    if (offer.draft().mode() == kStream) {
        FS_ASSIGN(const auto newest, newest_key_epoch(context, offer.id()));
        return newest + 1;
    }
    const auto key = "epochs/" + offer.id();
    FS_ASSIGN(const auto given, context.integer(key));
    const auto next = std::max<std::int64_t>(given, last.key_epoch()) + 1;
    FS_TRY(rules::check_range("key epoch", next, 1, kMaxKeyEpoch));
    FS_TRY(context.add(key, next - given, 0, kMaxKeyEpoch));
    return static_cast<std::uint32_t>(next);
}

schema::CreateGrantRequest upload_grant(const Context& context, const schema::Offer& offer, std::uint64_t first,
                                        const std::string& holder_key) {
    schema::CreateGrantRequest request;
    auto& grant = *request.mutable_grant();
    grant.set_id(rules::first_id(context));
    grant.set_kind(schema::UPLOAD);
    grant.set_holder(offer.seller());
    grant.set_holder_key(holder_key);
    grant.set_stream_id(offer.stream_id());
    grant.set_first_sequence(first);
    grant.set_last_sequence(rules::kMaxBatchEntries);
    grant.set_not_before_us(base::to_us(context.created_at()));
    const auto life = offer.draft().mode() == kStream ? kStreamGrantLife : kUploadGrantLife;
    grant.set_expires_us(base::to_us(context.created_at() + life));
    grant.set_offer(offer.id());
    return request;
}

Status check_batch(const schema::Batch& batch) {
    const auto most = static_cast<std::int64_t>(rules::kMaxBatchEntries);
    if (batch.last_sequence() > rules::kMaxBatchEntries)
        return fail("bad_arguments", "last_sequence: above " + std::to_string(most));
    const auto last = static_cast<std::int64_t>(batch.last_sequence());
    if (batch.first_sequence() == 0 || batch.first_sequence() > batch.last_sequence())
        return fail("bad_arguments", "first_sequence: not between 1 and " + std::to_string(last));
    FS_TRY(rules::check_range("key_epoch", batch.key_epoch(), 1, kMaxKeyEpoch));
    FS_TRY(rules::check_size("merkle_root", batch.merkle_root(), kHashBytes));
    FS_TRY(rules::check_size("sigma_d", batch.sigma_d(), kHashBytes));
    FS_TRY(rules::check_size("manifest_root", batch.manifest_root(), kHashBytes));
    if (batch.plaintext_bytes() > static_cast<std::uint64_t>(kMaxPlaintextBytes))
        return fail("bad_arguments", "plaintext_bytes: above 2^50");
    return rules::check_text("name", batch.name(), 0, kMaxBatchNameBytes);
}

/// Frames and key epochs only ever go forward, so that no batch opens another one's data.
Status check_sequence(const schema::Batch& last, const schema::Batch& batch) {
    if (batch.first_sequence() <= last.last_sequence())
        return fail("out_of_sequence",
                    "frames up to " + std::to_string(last.last_sequence()) + " are recorded already");
    if (batch.key_epoch() <= last.key_epoch())
        return fail("out_of_sequence", "key epochs up to " + std::to_string(last.key_epoch()) + " are in use already");
    return {};
}

/// Error: foreign_grant.
Result<schema::GrantReply> upload_grant_of(Context& context, const schema::Offer& offer, const std::string& id) {
    schema::GetGrantRequest request;
    request.set_grant(id);
    FS_ASSIGN(auto reply, rules::call<schema::GrantReply>(context, names::contract::kSecurityManager,
                                                          names::security_manager::kGetGrant, request));
    if (reply.grant().kind() != schema::UPLOAD || reply.grant().offer() != offer.id())
        return fail("foreign_grant", "this is no upload grant of this offer");
    return reply;
}

Status check_grant(Context& context, const schema::Offer& offer, const std::string& id, const schema::Batch& batch) {
    FS_ASSIGN(const auto reply, upload_grant_of(context, offer, id));
    if (batch.first_sequence() < reply.grant().first_sequence())
        return fail("batch_mismatch", "the batch begins before the grant");
    return {};
}

/// Exactly this batch was accepted with storage receipts. The closing manifest covers its last bundle; the Merkle root
/// over all of the batch is the seller's word, which every reader checks, unless one bundle is the whole batch.
Status check_stored(Context& context, const std::string& grant, const schema::Batch& batch) {
    schema::GetUploadRequest request;
    request.set_grant(grant);
    request.set_last(batch.last_sequence());
    const auto upload = rules::call<schema::UploadRecord>(context, names::contract::kSecurityManager,
                                                          names::security_manager::kGetUpload, request);
    if (!upload && upload.error().code == "not_found")
        return fail("not_stored", "no storage receipts were accepted for a batch that ends here (UploadDataStream)");
    if (!upload) return fail(upload.error());
    if (upload->manifest_head() != batch.manifest_root() || upload->sigma_d() != batch.sigma_d())
        return fail("batch_mismatch", "the closing manifest that was stored says something else");
    const bool whole = upload->first() == batch.first_sequence();
    if (upload->first() < batch.first_sequence() || (whole && upload->root() != batch.merkle_root()))
        return fail("batch_mismatch", "the closing manifest that was stored covers other frames");
    return {};
}

/// The same batch, told again after a crash of the seller.
bool same(const schema::Batch& recorded, schema::Batch batch) {
    batch.set_number(recorded.number());
    batch.set_recorded_at_us(recorded.recorded_at_us());
    batch.set_from_us(recorded.from_us());
    batch.set_until_us(recorded.until_us());
    return ledger::proto::encode(recorded) == ledger::proto::encode(batch);
}

schema::OfferReply answer(const schema::Offer& offer, const schema::Batch& batch) {
    schema::OfferReply reply;
    *reply.mutable_offer() = offer;
    *reply.add_batches() = batch;
    return reply;
}

}  // namespace

Result<schema::RequestUploadTokenReply> request_upload_token(Context& context,
                                                             const schema::RequestUploadTokenRequest& request) {
    FS_ASSIGN(const auto offer, own_offer(context, request.offer()));
    FS_TRY(rules::check_key("public_key", request.public_key()));
    FS_TRY(check_verified_seller(context, offer.seller()));
    FS_ASSIGN(const auto last, last_batch(context, offer));
    FS_ASSIGN(const auto key_epoch, next_key_epoch(context, offer, last));
    const auto create = upload_grant(context, offer, last.last_sequence() + 1, request.public_key());
    FS_ASSIGN(const auto grant, rules::call<schema::Grant>(context, names::contract::kSecurityManager,
                                                           names::security_manager::kCreateGrant, create));
    schema::RequestUploadTokenReply reply;
    reply.set_grant(grant.id());
    reply.set_stream_id(offer.stream_id());
    reply.set_next_sequence(grant.first_sequence());
    reply.set_key_epoch(key_epoch);
    return reply;
}

Result<schema::OfferReply> record_stream_details(Context& context, const schema::RecordStreamDetailsRequest& request) {
    FS_ASSIGN(auto offer, own_offer(context, request.offer()));
    FS_TRY(check_batch(request.batch()));
    FS_ASSIGN(const auto last, last_batch(context, offer));
    if (offer.batches() > 0 && same(last, request.batch())) return answer(offer, last);
    if (offer.batches() >= kMaxBatches) return fail("bad_arguments", "an offer has at most 1,000,000 batches");
    FS_TRY(check_sequence(last, request.batch()));
    FS_TRY(check_grant(context, offer, request.grant(), request.batch()));
    FS_TRY(check_stored(context, request.grant(), request.batch()));
    FS_TRY(check_dealt(context, offer, request.batch().key_epoch()));

    auto batch = request.batch();
    offer.set_batches(offer.batches() + 1);
    batch.set_number(offer.batches());
    batch.set_recorded_at_us(base::to_us(context.created_at()));
    batch.clear_from_us();
    batch.clear_until_us();
    if (offer.draft().mode() == kStream) FS_TRY(close_key_epoch(context, offer.id(), last, batch));
    FS_TRY(store_batch(context, offer, batch));
    FS_TRY(store_offer(context, offer));
    schema::BatchRecorded event;
    event.set_offer(offer.id());
    event.set_stream_id(offer.stream_id());
    event.set_batch(batch.number());
    rules::emit(context, names::marketplace::kBatchRecorded, event);
    return answer(offer, batch);
}

Result<schema::Offer> own_offer(Context& context, const std::string& id) {
    FS_ASSIGN(const auto caller, rules::direct_actor(context));
    FS_ASSIGN(auto offer, find_offer(context, id));
    if (offer.seller() != caller) return fail("not_seller", "the offer is " + offer.seller() + "'s");
    return offer;
}

Result<schema::Batch> last_batch(Context& context, const schema::Offer& offer) {
    if (offer.batches() == 0) return schema::Batch{};
    return find_batch(context, offer, offer.batches());
}

Status check_dealt(Context& context, const schema::Offer& offer, std::uint32_t key_epoch) {
    schema::GetDealingRequest request;
    request.set_stream_id(offer.stream_id());
    request.set_key_epoch(key_epoch);
    const auto dealing =
        rules::call<schema::DealingRecord>(context, names::contract::kCustody, names::custody::kGetDealing, request);
    if (dealing) return {};
    if (dealing.error().code != "not_found") return fail(dealing.error());
    return fail("not_dealt", "key epoch " + std::to_string(key_epoch) + " is not dealt to the custodians");
}

Status check_live_grant(Context& context, const schema::Offer& offer, const std::string& id) {
    FS_ASSIGN(const auto reply, upload_grant_of(context, offer, id));
    if (!reply.active()) return fail("not_active", "the upload grant is not active: " + reply.why_not());
    const auto expires = base::from_us(reply.grant().expires_us());
    if (context.created_at() >= expires) return fail("expired", "the grant has expired: request a new upload token");
    context.require_before(expires);
    return {};
}

}  // namespace fairstream::chaincode::marketplace
