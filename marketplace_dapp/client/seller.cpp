#include "marketplace_dapp/client/seller.hpp"

#include <fstream>

#include "base/encoding.hpp"
#include "chaincode/schema/custody_records.hpp"
#include "marketplace_dapp/client/upload_journal.hpp"
#include "mqtt_bridge/client/writer.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;
namespace schema = chaincode::schema;
using ledger::proto::as_field;
namespace custody = identity::crypto::custody;
using identity::crypto::Hash;
using mqtt_bridge::client::StoredBatch;
using mqtt_bridge::client::Writer;

namespace {

constexpr std::size_t kHashPiece = 1u << 20;

/// Feeds `consume` the file in pieces of `piece` bytes; only the last may be shorter.
template <typename Consume>
Status for_each_piece(const fs::path& file, std::size_t piece, Consume consume) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail("not_found", "cannot read " + file.string());
    Bytes buffer(piece);
    while (in) {
        in.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(piece));
        const auto got = static_cast<std::size_t>(in.gcount());
        if (got > 0) FS_TRY(consume(ByteView(buffer.data(), got)));
    }
    if (in.bad()) return fail("io_error", "cannot read " + file.string() + " to its end");
    return {};
}

Result<Hash> hash_file(const fs::path& file) {
    identity::crypto::Hasher hasher;
    FS_TRY(for_each_piece(file, kHashPiece, [&](ByteView piece) -> Status {
        hasher.update(piece);
        return {};
    }));
    return hasher.finish();
}

/// Seals and stores the file; skips what an interrupted run has spooled already. `sigma_d` is the MAC over the
/// plaintext.
Result<StoredBatch> store_file(const fs::path& file, Writer& writer, const Bytes& mac_subkey, Hash& sigma_d) {
    identity::crypto::Hasher mac{ByteView(mac_subkey)};
    std::uint64_t skip = writer.plaintext_bytes_spooled();
    const bool closed = writer.closed();
    FS_TRY(for_each_piece(file, Writer::kFilePiece, [&](ByteView piece) -> Status {
        mac.update(piece);
        if (closed) return {};
        if (skip >= piece.size()) {
            skip -= piece.size();
            return {};
        }
        return writer.write(piece);
    }));
    sigma_d = mac.finish();
    return writer.close(sigma_d);
}

schema::Batch to_batch(const StoredBatch& stored, const UploadJournal& journal, const Hash& sigma_d,
                       const fs::path& file) {
    schema::Batch batch;
    batch.set_first_sequence(stored.first_sequence);
    batch.set_last_sequence(stored.last_sequence);
    batch.set_key_epoch(journal.key_epoch);
    batch.set_merkle_root(as_field(stored.merkle_root));
    batch.set_sigma_d(as_field(sigma_d));
    batch.set_plaintext_bytes(stored.plaintext_bytes);
    batch.set_manifest_root(as_field(stored.manifest_head));
    batch.set_name(file.filename().string().substr(0, 128));
    return batch;
}

}  // namespace

Result<schema::Actor> Seller::register_and_verify(const std::string& credential_jwt) {
    return register_as("RegisterAndVerifySeller", credential_jwt);
}

Result<schema::Offer> Seller::create_offer(const schema::OfferDraft& draft) {
    schema::CreateOfferRequest request;
    *request.mutable_draft() = draft;
    FS_ASSIGN(auto reply, submit<schema::OfferReply>("marketplace", "CreateOffer", request));
    return reply.offer();
}

namespace {

/// One upload from its first to its last transaction; every step can be done again.
class Upload {
public:
    using Draw = std::function<Result<schema::GrantReply>(const std::string&)>;

    Upload(Connection& connection, const ledger::client::Identity& who, const UploadRequest& request, Draw draw)
        : connection_(connection),
          who_(who),
          request_(request),
          draw_(std::move(draw)),
          folder_(UploadJournal::folder(request.state, request.offer)) {}

    Result<Uploaded> run() {
        FS_ASSIGN(result_.plaintext_sha256, hash_file(request_.file));
        FS_TRY(open_journal());
        FS_ASSIGN(const auto grant, draw_(journal_.grant));
        watch_.mark("token and draw");
        FS_TRY(deal());
        watch_.mark("key dealing");
        FS_ASSIGN(auto stored, store(grant));
        watch_.mark("encryption and storage");
        FS_TRY(record(stored));
        watch_.mark("receipts and record");
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
        result_.stream_id = journal_.stream_id;
        result_.steps = watch_.steps();
        return std::move(result_);
    }

private:
    template <typename Reply, typename Request>
    Result<Reply> submit(const char* contract, const char* function, const Request& request,
                         Bytes private_inputs = {}) {
        return ledger::client::submit<Reply>(connection_.ledger(), who_, contract, function, request,
                                             std::move(private_inputs));
    }

    void tell(const char* step, std::uint64_t done = 0, std::uint64_t total = 0) const {
        if (request_.on_progress) request_.on_progress({.step = step, .done = done, .total = total});
    }

    Status open_journal() {
        FS_ASSIGN(auto found, UploadJournal::load(folder_));
        if (found) {
            if (found->plaintext_sha256 != result_.plaintext_sha256)
                return fail("unfinished_upload",
                            "an upload of another file to this offer is unfinished; upload that file again "
                            "first (its SHA-256: " +
                                base::to_hex(found->plaintext_sha256) + ")");
            journal_ = std::move(*found);
            result_.resumed = true;
            return {};
        }
        tell("requesting the upload token");
        schema::RequestUploadTokenRequest token;
        token.set_offer(request_.offer);
        token.set_public_key(as_field(who_.key.public_key().compressed()));
        FS_ASSIGN(const auto reply,
                  submit<schema::RequestUploadTokenReply>("marketplace", "RequestUploadToken", token));
        schema::GetOfferRequest get;
        get.set_offer(request_.offer);
        FS_ASSIGN(const auto offer, ledger::client::query<schema::OfferReply>(connection_.ledger(), who_, "marketplace",
                                                                              "GetOffer", get));
        if (offer.batches_size() > 0) {
            const auto& last = offer.batches(offer.batches_size() - 1);
            journal_.previous_manifest = to_bytes(last.manifest_root());
        }
        journal_.offer = request_.offer;
        journal_.grant = reply.grant();
        journal_.stream_id = reply.stream_id();
        journal_.key_epoch = reply.key_epoch();
        journal_.first_sequence = reply.next_sequence();
        journal_.plaintext_sha256 = result_.plaintext_sha256;
        return {};
    }

    /// The key is saved before it is dealt: a crash between the two leaves a dealing whose key is known.
    Status deal() {
        if (journal_.dealt) return {};
        tell("dealing the key to the custodians");
        FS_ASSIGN(const auto info, connection_.ledger().info());
        FS_ASSIGN(const auto config, ledger::proto::decode<ledger::proto::ChannelConfig>(as_bytes(info.config())));
        FS_ASSIGN(const auto context, schema::deal_context(config, journal_.stream_id, journal_.key_epoch, who_.did));
        FS_ASSIGN(const auto dealt, custody::deal(context));
        journal_.key = dealt.key;
        FS_TRY(journal_.save(folder_));
        FS_TRY(submit<schema::DealingRecord>("custody", "Deal", schema::deal_request(context, dealt.dealing),
                                             ledger::proto::encode(schema::share_package(dealt.dealing))));
        journal_.dealt = true;
        return journal_.save(folder_);
    }

    Result<StoredBatch> store(const schema::GrantReply& grant) {
        std::error_code error;
        const auto total = fs::file_size(request_.file, error);
        auto writer =
            Writer::open({.network = connection_.profile().network,
                          .grant = journal_.grant,
                          .holder = who_.key,
                          .stream_id = journal_.stream_id,
                          .key_epoch = journal_.key_epoch,
                          .encryption_subkey = journal_.key.encryption_subkey(),
                          .first_sequence = journal_.first_sequence,
                          .previous_manifest = journal_.previous_manifest,
                          .operators = endpoints(grant, journal_.stream_id),
                          .quorum = std::min<std::uint32_t>(2, static_cast<std::uint32_t>(grant.operators_size())),
                          .trusted_roots = connection_.profile().trusted_roots,
                          .spool = folder_ / "spool",
                          .on_progress = [&](const mqtt_bridge::client::WriterProgress& progress) {
                              tell("storing on operators", progress.plaintext_bytes_spooled, total);
                          }});
        if (!writer) return fail(writer.error());
        return store_file(request_.file, **writer, journal_.key.mac_subkey(), sigma_d_);
    }

    Status record(const StoredBatch& stored) {
        tell("recording receipts and stream details");
        schema::UploadDataStreamRequest upload;
        upload.set_grant(journal_.grant);
        upload.set_token_signature(as_field(who_.key.sign(identity::crypto::signing_input(
            "upload-token/v1", connection_.profile().network, as_bytes(journal_.grant)))));
        upload.set_closing_manifest(stored.closing_manifest.SerializeAsString());
        for (const auto& receipt : stored.receipts) {
            *upload.add_receipts() = receipt;
            result_.operators.push_back(receipt.operator_());
        }
        FS_TRY(submit<schema::UploadRecord>("security_manager", "UploadDataStream", upload));
        schema::RecordStreamDetailsRequest details;
        details.set_offer(journal_.offer);
        details.set_grant(journal_.grant);
        *details.mutable_batch() = to_batch(stored, journal_, sigma_d_, request_.file);
        FS_ASSIGN(const auto reply, submit<schema::OfferReply>("marketplace", "RecordStreamDetails", details));
        if (reply.batches_size() == 0) return fail("bad_answer", "RecordStreamDetails answered no batch");
        result_.batch = reply.batches(reply.batches_size() - 1);
        return {};
    }

    Connection& connection_;
    const ledger::client::Identity& who_;
    const UploadRequest& request_;
    Draw draw_;
    fs::path folder_;
    UploadJournal journal_;
    Hash sigma_d_{};
    Uploaded result_;
    Stopwatch watch_;
};

}  // namespace

Result<Uploaded> Seller::upload(const UploadRequest& request) {
    Upload upload(connection_, who_, request, [this](const std::string& grant) { return drawn_grant(grant); });
    return upload.run();
}

}  // namespace fairstream::marketplace_dapp::client
