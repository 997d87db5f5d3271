#include "marketplace_dapp/client/seller.hpp"

#include <fstream>

#include "base/encoding.hpp"
#include "marketplace_dapp/client/batch_record.hpp"
#include "marketplace_dapp/client/key_dealing.hpp"
#include "marketplace_dapp/client/upload_journal.hpp"
#include "mqtt_bridge/client/writer.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;
namespace schema = chaincode::schema;
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

/// Seals and stores the file; skips what an interrupted run has spooled already.
Result<StoredBatch> store_file(const fs::path& file, Writer& writer, const Bytes& mac_subkey) {
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
    return writer.close(mac.finish());
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
        FS_ASSIGN(auto token, request_upload_token(connection_, who_, request_.offer, "one-off"));
        journal_.offer = request_.offer;
        journal_.grant = std::move(token.grant);
        journal_.stream_id = std::move(token.stream_id);
        journal_.key_epoch = token.key_epoch;
        journal_.first_sequence = token.first_sequence;
        journal_.previous_manifest = std::move(token.previous_manifest);
        journal_.plaintext_sha256 = result_.plaintext_sha256;
        return {};
    }

    Status deal() {
        if (journal_.dealt) return {};
        tell("dealing the key to the custodians");
        const auto saved = journal_.saved ? std::optional(journal_.key) : std::nullopt;
        FS_ASSIGN(journal_.key, deal_key(connection_, who_, journal_.stream_id, journal_.key_epoch, saved,
                                         [this](const custody::StreamKey& key) {
                                             journal_.key = key;
                                             return journal_.save(folder_);
                                         }));
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
        return store_file(request_.file, **writer, journal_.key.mac_subkey());
    }

    Status record(const StoredBatch& stored) {
        tell("recording receipts and stream details");
        for (const auto& receipt : stored.receipts) result_.operators.push_back(receipt.operator_());
        FS_ASSIGN(
            result_.batch,
            record_batch(connection_, who_,
                         {.offer = journal_.offer, .grant = journal_.grant, .name = request_.file.filename().string()},
                         stored));
        return {};
    }

    Connection& connection_;
    const ledger::client::Identity& who_;
    const UploadRequest& request_;
    Draw draw_;
    fs::path folder_;
    UploadJournal journal_;
    Uploaded result_;
    Stopwatch watch_;
};

}  // namespace

Result<Uploaded> Seller::upload(const UploadRequest& request) {
    Upload upload(connection_, who_, request, [this](const std::string& grant) { return drawn_grant(grant); });
    return upload.run();
}

Result<std::unique_ptr<Streamer>> Seller::stream(StreamRequest request) {
    return Streamer::open(connection_, who_, std::move(request));
}

}  // namespace fairstream::marketplace_dapp::client
