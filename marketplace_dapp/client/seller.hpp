#pragma once

#include "chaincode/schema/marketplace.pb.h"
#include "marketplace_dapp/client/actor.hpp"
#include "marketplace_dapp/client/streamer.hpp"

namespace fairstream::marketplace_dapp::client {

struct UploadRequest {
    std::string offer;
    std::filesystem::path file;
    /// Where an unfinished upload waits to be resumed (its spool and, mode 0600, its key). One folder per seller.
    std::filesystem::path state;
    OnProgress on_progress;
};

struct Uploaded {
    chaincode::schema::Batch batch;
    std::string stream_id;
    identity::crypto::Hash plaintext_sha256{};
    std::vector<std::string> operators;  // whose storage receipts the ledger holds
    bool resumed = false;
    std::vector<StepTime> steps;
};

/// Lists offers and uploads batches (marketplace.md, "Contract functions of the seed paper").
class Seller : public Actor {
public:
    using Actor::Actor;

    /// `credential_jwt` by an issuer that the consortium trusts. Errors: not_verified, untrusted_issuer, ...
    Result<chaincode::schema::Actor> register_and_verify(const std::string& credential_jwt);
    Result<chaincode::schema::Offer> create_offer(const chaincode::schema::OfferDraft& draft);

    /// One batch: token, draw, key dealing, encryption, storage on a quorum of operators, receipts, record. A call that
    /// was interrupted, even by a crash, goes on where it stopped when it is made again for the same offer and file.
    /// Errors: not_found (no such file), not_seller, unfinished_upload (of another file), and those of the parts.
    Result<Uploaded> upload(const UploadRequest& request);

    /// A live stream, to be written to (streamer.hpp).
    Result<std::unique_ptr<Streamer>> stream(StreamRequest request);
};

}  // namespace fairstream::marketplace_dapp::client
