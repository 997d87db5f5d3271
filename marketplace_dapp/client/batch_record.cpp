#include "marketplace_dapp/client/batch_record.hpp"

#include "chaincode/schema/security_manager.pb.h"

namespace fairstream::marketplace_dapp::client {

namespace schema = chaincode::schema;
using ledger::client::query;
using ledger::client::submit;
using ledger::proto::as_field;

namespace {

constexpr std::size_t kMaxNameBytes = 128;

schema::Batch to_batch(const mqtt_bridge::client::StoredBatch& stored, const std::string& name) {
    schema::Batch batch;
    batch.set_first_sequence(stored.first_sequence);
    batch.set_last_sequence(stored.last_sequence);
    batch.set_key_epoch(stored.key_epoch);
    batch.set_merkle_root(as_field(stored.merkle_root));
    batch.set_sigma_d(as_field(stored.sigma_d));
    batch.set_plaintext_bytes(stored.plaintext_bytes);
    batch.set_manifest_root(as_field(stored.manifest_head));
    batch.set_name(name.substr(0, kMaxNameBytes));
    return batch;
}

}  // namespace

Result<UploadToken> request_upload_token(Connection& connection, const ledger::client::Identity& seller,
                                         const std::string& offer, std::string_view mode) {
    schema::GetOfferRequest get;
    get.set_offer(offer);
    FS_ASSIGN(const auto listed,
              query<schema::OfferReply>(connection.ledger(), seller, "marketplace", "GetOffer", get));
    const auto& offered = listed.offer().draft().mode();
    if (offered != mode)
        return fail("wrong_mode", "offer " + offer + " is of mode '" + offered + "', not '" + std::string(mode) + "'");
    schema::RequestUploadTokenRequest request;
    request.set_offer(offer);
    request.set_public_key(as_field(seller.key.public_key().compressed()));
    FS_ASSIGN(const auto reply, submit<schema::RequestUploadTokenReply>(connection.ledger(), seller, "marketplace",
                                                                        "RequestUploadToken", request));
    UploadToken token{.grant = reply.grant(),
                      .stream_id = reply.stream_id(),
                      .key_epoch = reply.key_epoch(),
                      .first_sequence = reply.next_sequence(),
                      .previous_manifest = {},
                      .not_before_us = 0};
    if (listed.batches_size() > 0) {
        const auto& last = listed.batches(listed.batches_size() - 1);
        token.previous_manifest = to_bytes(last.manifest_root());
        token.not_before_us = last.until_us();
    }
    return token;
}

Result<schema::Batch> record_batch(Connection& connection, const ledger::client::Identity& seller,
                                   const BatchPlace& place, const mqtt_bridge::client::StoredBatch& stored) {
    schema::UploadDataStreamRequest upload;
    upload.set_grant(place.grant);
    upload.set_token_signature(as_field(seller.key.sign(
        identity::crypto::signing_input("upload-token/v1", connection.profile().network, as_bytes(place.grant)))));
    upload.set_closing_manifest(stored.closing_manifest.SerializeAsString());
    for (const auto& receipt : stored.receipts) *upload.add_receipts() = receipt;
    FS_TRY(submit<schema::UploadRecord>(connection.ledger(), seller, "security_manager", "UploadDataStream", upload));
    schema::RecordStreamDetailsRequest details;
    details.set_offer(place.offer);
    details.set_grant(place.grant);
    *details.mutable_batch() = to_batch(stored, place.name);
    FS_ASSIGN(const auto reply,
              submit<schema::OfferReply>(connection.ledger(), seller, "marketplace", "RecordStreamDetails", details));
    if (reply.batches_size() == 0) return fail("bad_answer", "RecordStreamDetails answered no batch");
    return reply.batches(reply.batches_size() - 1);
}

}  // namespace fairstream::marketplace_dapp::client
