#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/client/endpoint.hpp"

namespace fairstream::mqtt_bridge::client {

struct WriterProgress {
    std::uint64_t frames_spooled = 0;  // of this batch, safe on this machine
    std::uint64_t frames_stored = 0;   // of this batch, with a quorum of storage receipts
    std::uint64_t plaintext_bytes_spooled = 0;
    std::string operator_name;  // the one that takes them now
};

struct WriterOptions {
    std::string network;                  // the channel: domain separation of every signature
    std::string grant;                    // of kind UPLOAD
    identity::crypto::SigningKey holder;  // the grant's holder key; signs sessions and manifests
    std::string stream_id;
    std::uint32_t key_epoch = 1;
    Bytes encryption_subkey;                  // 32 bytes, of that key epoch
    std::uint64_t first_sequence = 1;         // RequestUploadTokenReply.next_sequence
    Bytes previous_manifest;                  // manifest head of the batch before (Batch.manifest_root); empty: none
    std::vector<OperatorEndpoint> operators;  // in the order in which they are tried
    std::uint32_t quorum = 2;
    std::string trusted_roots;                   // PEM, of the operators' TLS certificates
    std::filesystem::path spool;                 // one folder per batch; made if absent, mode 0700
    std::size_t max_spool_bytes = 512u << 20;    // `write` waits for receipts when more is unacknowledged
    std::chrono::milliseconds silence{5'000};    // without a receipt for so long, another operator is tried
    std::chrono::milliseconds give_up{120'000};  // without a receipt from anyone for so long, the call fails
    std::function<void(const WriterProgress&)> on_progress;  // on the calling thread
};

/// What the ledger needs to know of an upload that a quorum has stored.
struct StoredBatch {
    std::uint64_t first_sequence = 0;
    std::uint64_t last_sequence = 0;
    identity::crypto::Hash merkle_root{};    // RFC 6962 over all frames of the batch
    identity::crypto::Hash manifest_head{};  // SHA-256 of the closing manifest
    std::uint64_t plaintext_bytes = 0;
    chaincode::schema::SignedManifest closing_manifest;
    std::vector<chaincode::schema::StorageReceipt> receipts;  // verified; one per operator, at least the quorum
};

/// The seller's end of a stream (data-plane.md, "Frames and topics"). Seals plaintext into frames, bundles them under
/// chained manifests, spools each bundle on disk before it sends it, and resends identical bytes to another operator
/// when one dies or falls silent, until a quorum of operators has signed for all of it.
///
/// Blocking; one thread at a time. A writer process that died continues: open the same spool again, skip the
/// `plaintext_bytes_spooled()` that are safe already, and write on.
class Writer {
public:
    /// A frame holds at most this much plaintext; files are cut into frames of this size.
    static constexpr std::size_t kFilePiece = 64u << 10;

    /// Opens or resumes the spool; sends nothing yet. Errors: bad_options, io_error, spool_damaged, wrong_spool (it
    /// holds another stream, or frames that do not follow `first_sequence`).
    static Result<std::unique_ptr<Writer>> open(WriterOptions options);
    ~Writer();

    std::uint64_t plaintext_bytes_spooled() const;
    /// True if the spool holds a closed batch: only `close` is left to call, with any sigma_d.
    bool closed() const;

    /// One frame. Errors: too_large, io_error, closed, grant_refused, operators_unreachable, conflict (the stream
    /// already holds other frames under these numbers).
    Status write(ByteView plaintext);
    /// Ends the batch: the closing manifest carries `sigma_d` (HMAC-SHA256 of the plaintext under the MAC subkey).
    /// Returns when a quorum of operators has signed for every frame; then the spool may be deleted. Errors: as
    /// `write`.
    Result<StoredBatch> close(const identity::crypto::Hash& sigma_d);

private:
    struct Impl;
    explicit Writer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::mqtt_bridge::client
