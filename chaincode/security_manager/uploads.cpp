#include "chaincode/security_manager/uploads.hpp"

#include <algorithm>

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/security_manager/draw.hpp"
#include "chaincode/security_manager/grants.hpp"
#include "chaincode/security_manager/operators.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/merkle.hpp"
#include "identity/did/did_key.hpp"

namespace fairstream::chaincode::security_manager {

namespace names = schema::names;
namespace crypto = identity::crypto;
using ledger::contract::Context;

namespace {

constexpr std::size_t kMaxManifestBytes = 1024;
constexpr std::size_t kMaxMarkBytes = 256;
constexpr int kMaxPath = 64;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kInstanceBytes = 16;

tl::unexpected<Error> bad_manifest(std::string what) {
    return fail("bad_manifest", "closing manifest: " + std::move(what));
}
tl::unexpected<Error> bad_receipt(const std::string& by, std::string what) {
    return fail("bad_receipt", "storage receipt of " + by + ": " + std::move(what));
}

std::string upload_key(const std::string& grant, std::uint64_t last) {
    return "upload/" + grant + "/" + rules::sortable(last);
}

struct Closing {
    schema::Manifest manifest;
    std::string head;  // SHA-256 of the manifest's bytes
};

Status check_shape(const schema::Manifest& manifest) {
    if (!manifest.closing()) return bad_manifest("does not close a batch");
    if (manifest.writer().size() != kInstanceBytes || manifest.root().size() != kHashBytes ||
        manifest.sigma_d().size() != kHashBytes)
        return bad_manifest("writer, root or sigma_d has another length than it must");
    if (manifest.first() == 0 || manifest.first() > manifest.last() || manifest.last() > rules::kMaxBatchEntries)
        return bad_manifest("its range is empty or out of bounds");
    const bool stands_alone = manifest.previous().empty() && manifest.first() == 1;
    if (manifest.previous().size() != kHashBytes && !stands_alone)
        return bad_manifest("does not chain to the manifest before it");
    return {};
}

/// Signed by the grant's holder, for the grant's stream, within its range.
Result<Closing> read_closing(const Context& context, const schema::Grant& grant, const std::string& bytes) {
    schema::SignedManifest outer;
    if (bytes.size() > kMaxManifestBytes || !outer.ParseFromString(bytes)) return bad_manifest("does not parse");
    if (!signed_by_holder(context, grant, "manifest/v1", outer.manifest(), outer.signature()))
        return bad_manifest("not signed by the grant's holder");
    Closing closing;
    if (!closing.manifest.ParseFromString(outer.manifest())) return bad_manifest("does not parse");
    FS_TRY(check_shape(closing.manifest));
    if (closing.manifest.stream() != rules::as_field(crypto::stream_hash(grant.stream_id())))
        return bad_manifest("is of another stream");
    if (closing.manifest.first() < grant.first_sequence() || closing.manifest.last() > grant.last_sequence())
        return bad_manifest("its range is not within the grant's");
    closing.head = rules::as_field(crypto::sha256(as_bytes(outer.manifest())));
    return closing;
}

/// The operator's signature over the root of its marks.
Status check_signature(const Context& context, const schema::Operator& by, const schema::StorageReceipt& receipt) {
    FS_ASSIGN(const auto key, identity::did::key_from_did(by.did()));
    Bytes count;
    Bytes time;
    base::append_u64(count, receipt.mark_count());
    base::append_u64(time, receipt.time_us());
    const auto payload =
        base::lp(std::string_view(by.name()), std::string_view(receipt.root()), ByteView(count), ByteView(time));
    const auto signature = crypto::to_signature(as_bytes(receipt.signature()));
    if (signature && key.verify(crypto::signing_input("storage-receipt/v1", context.channel(), payload), *signature))
        return {};
    return bad_receipt(by.name(), "not signed by this operator");
}

/// The mark's place under the signed root.
Status check_path(const schema::StorageReceipt& receipt) {
    const auto& by = receipt.operator_();
    if (receipt.path_size() > kMaxPath || receipt.mark().size() > kMaxMarkBytes)
        return bad_receipt(by, "path or mark too long");
    std::vector<crypto::Hash> path;
    for (const auto& step : receipt.path()) {
        const auto hash = crypto::to_hash(as_bytes(step));
        if (!hash) return bad_receipt(by, "a step of the path is no hash");
        path.push_back(*hash);
    }
    const auto root = crypto::to_hash(as_bytes(receipt.root()));
    if (!root || receipt.mark_index() >= receipt.mark_count() ||
        !crypto::merkle_verify(crypto::merkle_leaf(as_bytes(receipt.mark())), receipt.mark_index(),
                               receipt.mark_count(), path, *root))
        return bad_receipt(by, "the mark is not under the signed root");
    return {};
}

/// What the mark says: this stream, up to the batch's end, ending in this manifest.
Status check_mark(const schema::StorageReceipt& receipt, const Closing& closing) {
    const auto& by = receipt.operator_();
    schema::Mark mark;
    if (!mark.ParseFromString(receipt.mark())) return bad_receipt(by, "the mark does not parse");
    if (mark.stream() != closing.manifest.stream()) return bad_receipt(by, "the mark is of another stream");
    if (mark.through() < closing.manifest.last()) return bad_receipt(by, "the mark does not reach the batch's end");
    if (mark.manifest_head() != closing.head) return bad_receipt(by, "the mark ends in another manifest");
    return {};
}

/// Names of the operators whose receipts hold, in the grant's order. Errors: bad_receipt, operator_not_drawn,
/// no_quorum.
Result<std::vector<std::string>> check_receipts(Context& context, const schema::Grant& grant, const Closing& closing,
                                                const schema::UploadDataStreamRequest& request) {
    FS_TRY(rules::check_range("receipts", request.receipts_size(), 1, static_cast<std::int64_t>(kReplicas)));
    std::vector<std::string> stored;
    for (const auto& receipt : request.receipts()) {
        const auto& by = receipt.operator_();
        FS_TRY(check_operator_name(by));
        const auto& drawn = grant.operators();
        if (std::find(drawn.begin(), drawn.end(), by) == drawn.end())
            return fail("operator_not_drawn", by + " was not drawn for this stream");
        if (std::find(stored.begin(), stored.end(), by) != stored.end()) return bad_receipt(by, "given twice");
        FS_ASSIGN(const auto entry, find_operator(context, by));
        FS_TRY(check_signature(context, entry, receipt));
        FS_TRY(check_path(receipt));
        FS_TRY(check_mark(receipt, closing));
        stored.push_back(by);
    }
    const auto quorum = storage_quorum(static_cast<std::size_t>(grant.operators_size()));
    if (stored.size() < quorum)
        return fail("no_quorum",
                    std::to_string(stored.size()) + " receipts, " + std::to_string(quorum) + " are needed");
    return stored;
}

Status check_time(Context& context, const schema::Grant& grant) {
    const auto now = base::to_us(context.created_at());
    if (now < grant.not_before_us()) return fail("not_yet_valid", "the grant is not valid yet");
    if (now >= grant.expires_us()) return fail("expired", "the grant has expired: request a new upload token");
    context.require_before(base::from_us(grant.expires_us()));
    return {};
}

}  // namespace

Result<schema::UploadRecord> upload_data_stream(Context& context, const schema::UploadDataStreamRequest& request) {
    FS_ASSIGN(const auto seller, rules::direct_actor(context));
    FS_ASSIGN(const auto grant, find_grant(context, request.grant(), schema::UPLOAD));
    if (grant.holder() != seller) return fail("not_holder", "the grant is " + grant.holder() + "'s");
    FS_TRY(check_token_signature(context, grant, "upload-token/v1", request.token_signature()));
    FS_ASSIGN(const auto closing, read_closing(context, grant, request.closing_manifest()));
    const auto key = upload_key(grant.id(), closing.manifest.last());
    FS_ASSIGN(const auto before, rules::load<schema::UploadRecord>(context, key));
    if (before && before->manifest_head() == closing.head) return *before;
    if (before) return bad_manifest("another manifest closed a batch at this number");
    if (grant.revoked()) return fail("revoked", "the grant is revoked");
    FS_TRY(check_time(context, grant));
    FS_ASSIGN(const auto stored, check_receipts(context, grant, closing, request));

    schema::UploadRecord record;
    record.set_grant(grant.id());
    record.set_first(closing.manifest.first());
    record.set_last(closing.manifest.last());
    record.set_manifest_head(closing.head);
    for (const auto& name : stored) record.add_operators(name);
    record.set_at_us(base::to_us(context.created_at()));
    record.set_root(closing.manifest.root());
    record.set_sigma_d(closing.manifest.sigma_d());
    FS_TRY(rules::store(context, key, record));
    schema::UploadStored event;
    event.set_grant(grant.id());
    event.set_stream_id(grant.stream_id());
    event.set_first(record.first());
    event.set_last(record.last());
    rules::emit(context, names::security_manager::kUploadStored, event);
    return record;
}

Result<schema::UploadRecord> get_upload(Context& context, const schema::GetUploadRequest& request) {
    FS_TRY(rules::check_id("grant", request.grant()));
    return rules::require<schema::UploadRecord>(context, upload_key(request.grant(), request.last()),
                                                "upload under grant " + request.grant());
}

}  // namespace fairstream::chaincode::security_manager
