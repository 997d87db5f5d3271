#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/client/endpoint.hpp"

namespace fairstream::mqtt_bridge::client {

struct ReaderProgress {
    std::uint64_t frames_fetched = 0;
    std::uint64_t frames_total = 0;
    std::string operator_name;  // the one that serves now
};

enum class Transport { kHttps, kMqtt };

struct ReaderOptions {
    std::string network;                  // the channel
    std::string grant;                    // of kind DOWNLOAD
    std::string purchase;                 // named in the delivery receipt
    identity::crypto::SigningKey holder;  // pk_C's key: sessions and receipts
    std::string stream_id;
    std::uint64_t first_sequence = 1;  // what the purchase covers: a whole batch
    std::uint64_t last_sequence = 1;
    identity::crypto::Hash merkle_root{};     // Batch.merkle_root
    identity::crypto::Hash sigma_d{};         // Batch.sigma_d
    Bytes encryption_subkey;                  // 32 bytes
    Bytes mac_subkey;                         // 32 bytes
    std::vector<OperatorEndpoint> operators;  // in the order in which they are tried
    std::string trusted_roots;                // PEM
    std::filesystem::path scratch;            // folder for the ciphertext while it is checked; emptied at the end
    std::uint64_t receipt_counter = 1;        // of the first receipt: above that of any signed for this purchase before
    Transport transport = Transport::kHttps;
    std::chrono::milliseconds timeout{30'000};               // per request
    std::function<void(const ReaderProgress&)> on_progress;  // on the calling thread
};

struct Delivery {
    std::uint64_t plaintext_bytes = 0;
    std::vector<chaincode::schema::OperatorRanges> served;  // who served what, ascending by sequence
    chaincode::schema::SignedDeliveryReceipt receipt;
    std::vector<std::string> faults;  // operators that refused, died or lied, and how: for the log and for ratings
};

/// Called with the plaintext in order, only after every frame's tag and the Merkle root over all of them were right.
using Sink = std::function<Status(ByteView plaintext)>;

/// The buyer's end: fetches the range from one operator, from another when it dies or lies, checks, decrypts, and signs
/// for what it got. Blocking. `sigma_d` can only be known to be right after the last byte: on an error, discard what
/// the sink was given.
///
/// Errors: bad_options, grant_refused, operators_unreachable (names what each operator answered), bad_root (no operator
/// serves frames under the recorded root), bad_mac (the seller's plaintext is not what it recorded), io_error, and the
/// sink's own.
Result<Delivery> read_batch(const ReaderOptions& options, const Sink& sink);

}  // namespace fairstream::mqtt_bridge::client
