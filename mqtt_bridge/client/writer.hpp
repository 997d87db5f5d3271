#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/client/endpoint.hpp"

namespace fairstream::mqtt_bridge::client {

/// The subkeys of one key epoch.
struct EpochKey {
    std::uint32_t number = 1;
    Bytes encryption_subkey;  // 32 bytes
    Bytes mac_subkey;         // 32 bytes, or empty: see WriterOptions
};

struct WriterProgress {
    std::uint64_t frames_spooled = 0;  // of the newest batch, safe on this machine
    std::uint64_t frames_stored = 0;   // of the newest batch, with a quorum of storage receipts
    std::uint64_t stored_through = 0;  // the highest number up to which a quorum holds the stream
    std::uint64_t plaintext_bytes_spooled = 0;
    std::string operator_name;  // the one that takes them now
};

struct WriterOptions {
    std::string network;                  // the channel: domain separation of every signature
    std::string grant;                    // of kind UPLOAD
    identity::crypto::SigningKey holder;  // the grant's holder key; signs sessions and manifests
    std::string stream_id;
    std::uint32_t key_epoch = 1;
    Bytes encryption_subkey;           // 32 bytes, of that key epoch
    Bytes mac_subkey = {};             // 32 bytes: the writer makes sigma_d itself and keeps a batch on disk while
                                       // it is open, to go on with it after a crash. Empty: `close` is told sigma_d
    std::uint64_t first_sequence = 1;  // RequestUploadTokenReply.next_sequence
    Bytes previous_manifest;           // manifest head of the batch before (Batch.manifest_root); empty: none
    std::vector<OperatorEndpoint> operators;  // in the order in which they are tried
    std::uint32_t quorum = 2;
    std::string trusted_roots;                   // PEM, of the operators' TLS certificates
    std::filesystem::path spool;                 // one folder per upload or stream; made if absent, mode 0700
    std::size_t max_spool_bytes = 512u << 20;    // `write` waits for receipts when more is unacknowledged
    std::chrono::milliseconds silence{5'000};    // without a receipt for so long, another operator is tried
    std::chrono::milliseconds give_up{120'000};  // without a receipt from anyone for so long, the call fails
    std::function<void(const WriterProgress&)> on_progress;  // on the calling thread
    /// What is written waits at most so long for more to share its bundle, if `pump` is called as often. 0: until a
    /// bundle is full.
    std::chrono::milliseconds flush_after{0};
    std::uint64_t not_before_us = 0;  // no frame's time is earlier: where the batch before ended
    /// Asked by `open` if the spool goes on in another key epoch than `key_epoch`.
    std::function<Result<EpochKey>(std::uint32_t number)> key_of = {};
};

/// What the ledger needs to know of an upload that a quorum has stored.
struct StoredBatch {
    std::uint64_t first_sequence = 0;
    std::uint64_t last_sequence = 0;
    identity::crypto::Hash merkle_root{};    // RFC 6962 over all frames of the batch
    identity::crypto::Hash manifest_head{};  // SHA-256 of the closing manifest
    std::uint64_t plaintext_bytes = 0;
    std::uint32_t key_epoch = 0;
    identity::crypto::Hash sigma_d{};
    std::uint64_t first_time_us = 0;  // of its frames
    std::uint64_t last_time_us = 0;
    chaincode::schema::SignedManifest closing_manifest;
    std::vector<chaincode::schema::StorageReceipt> receipts;  // verified; one per operator, at least the quorum
};

/// The seller's end of a stream (data-plane.md, "Frames and topics"). Seals plaintext into frames, bundles them under
/// chained manifests, spools each bundle on disk before it sends it, and resends identical bytes to another operator
/// when one dies or falls silent, until a quorum of operators has signed for all of it.
///
/// One thread at a time; only `close` waits for the network, and `write` when the spool is full. A writer process that
/// died continues: open the same spool again, skip the `plaintext_bytes_spooled()` that are safe already, and write on.
///
/// A file is one batch: `write` its pieces, `close`. A stream is many, one per key epoch: `write` what comes, `pump`
/// every few milliseconds in between, `roll` to the next key epoch, and record each batch of `take_stored` on the
/// ledger, then `forget` it. Frames' times never go backwards, whatever the clock does.
class Writer {
public:
    /// A frame holds at most this much plaintext; files are cut into frames of this size.
    static constexpr std::size_t kFilePiece = 64u << 10;

    /// Opens or resumes the spool; sends nothing yet. `grant`, `first_sequence` and `previous_manifest` are those with
    /// which the spool was begun. Errors: bad_options, io_error, spool_damaged, wrong_spool (it holds another stream,
    /// or begins elsewhere), and those of `key_of`.
    static Result<std::unique_ptr<Writer>> open(WriterOptions options);
    ~Writer();

    std::uint64_t plaintext_bytes_spooled() const;  // of the newest batch
    std::uint32_t key_epoch() const;                // of the newest batch
    std::uint64_t next_sequence() const;            // of what is written next
    /// True if the newest batch is closed: only `close` is left to call, with any sigma_d, or `roll`.
    bool closed() const;

    /// One frame. Errors: too_large, io_error, closed, grant_refused, operators_unreachable, conflict (the stream
    /// already holds other frames under these numbers).
    Status write(ByteView plaintext);
    /// Sends, listens, and cuts bundles whose time has come; waits up to `wait` for something to come. Errors: as
    /// `write`.
    Status pump(std::chrono::milliseconds wait);
    /// Ends the batch and begins the next under another key, without waiting for anything; what is written follows at
    /// once. Needs the MAC subkeys. Errors: as `write`; bad_options.
    Status roll(const EpochKey& next);
    /// Batches that were closed by `roll` and that a quorum has signed for since, in order, each once in this writer's
    /// life; again in the next one's if it was not forgotten.
    Result<std::vector<StoredBatch>> take_stored();
    /// The batch that ends at `last_sequence`, and those before it, are on the ledger. Errors: unknown_batch, io_error.
    Status forget(std::uint64_t last_sequence);
    /// Ends the batch: the closing manifest carries `sigma_d` (HMAC-SHA256 of the plaintext under the MAC subkey),
    /// which is not needed if the writer has the MAC subkey. Returns when a quorum of operators has signed for every
    /// frame of every batch; when all are on the ledger, the spool may be deleted. Errors: as `write`.
    Result<StoredBatch> close(const std::optional<identity::crypto::Hash>& sigma_d = std::nullopt);

private:
    struct Impl;
    explicit Writer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::mqtt_bridge::client
