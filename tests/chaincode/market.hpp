#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/governance.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/custody.hpp"
#include "tests/chaincode/chain.hpp"

namespace fairstream::chaincode::tests {

constexpr std::int64_t kCredit = 1'000'000;
constexpr std::int64_t kFaucetSupply = 1'000'000 * kCredit;

/// A founded market: a trusted issuer, four storage operators, credits in the faucet. Each method is one step of a
/// trade, with real keys, proofs and receipts, and returns what the chain answered.
class Market {
public:
    Market();

    Chain chain;
    Who issuer = new_actor();
    std::map<std::string, Who> operators;  // op1 to op4

    // Governance.
    schema::GovernedCall governed(std::string_view contract, std::string_view function,
                                  const google::protobuf::Message& request) const;
    schema::Decision decision(std::vector<schema::GovernedCall> calls, std::string_view title = "test") const;
    Result<schema::ApproveReply> approve(const Who& admin, const schema::Decision& decision);
    /// Approved by three of the four organisations.
    Result<schema::ApproveReply> decide(std::vector<schema::GovernedCall> calls);
    Status trust(const std::string& issuer_did, std::uint32_t weight, bool active,
                 const std::vector<std::string>& types = {});

    // Actors and money.
    std::string credential(const Who& subject, const Who& by, std::string_view type = "VerifiedActor",
                           std::chrono::hours life = std::chrono::hours(24)) const;
    Result<schema::Actor> register_seller(const Who& who, const std::string& credential_jwt);
    Result<schema::Actor> register_client(const Who& who, const std::string& credential_jwt = {});
    Result<schema::Actor> actor(const std::string& did);
    Status faucet(const Who& who, std::int64_t amount_micro);
    std::int64_t balance(const std::string& account);
    Who verified_seller();
    Who client_with(std::int64_t amount_micro);

    // Offers and uploads.
    Result<schema::Offer> create_offer(const Who& seller, std::int64_t price_micro, schema::Terms terms = {},
                                       const std::string& topic = "city/traffic");
    Result<schema::RequestUploadTokenReply> upload_token(const Who& seller, const std::string& offer);
    Result<schema::GrantReply> draw(const std::string& grant);
    Result<schema::DealingRecord> deal(const Who& seller, const std::string& stream_id, std::uint32_t key_epoch);
    Result<identity::crypto::custody::StreamKey> deal_key(const Who& seller, const std::string& stream_id,
                                                          std::uint32_t key_epoch);

    /// What a seller's writer has in hand once operators have stored a batch.
    struct Stored {
        schema::RequestUploadTokenReply token;
        std::vector<std::string> drawn;
        identity::crypto::custody::StreamKey key;
        std::vector<Bytes> frames;
        Bytes plaintext;
        schema::Batch batch;
        schema::UploadDataStreamRequest upload;  // with receipts of all drawn operators
    };
    /// Token, draw, dealing, frames, manifest and receipts; nothing of it told to the ledger after the dealing.
    Stored store(const Who& seller, const schema::Offer& offer, std::size_t frame_count);
    Result<schema::UploadRecord> upload(const Who& seller, const Stored& stored);
    Result<schema::OfferReply> record(const Who& seller, const schema::Offer& offer, const Stored& stored);
    /// All of it.
    Stored sell(const Who& seller, const schema::Offer& offer, std::size_t frame_count);
    /// Signs `manifest` as the writer, and receipts for it as the operators named.
    schema::UploadDataStreamRequest proof(const Who& seller, const std::string& grant, const schema::Manifest& manifest,
                                          const std::vector<std::string>& by) const;

    // Purchases.
    schema::RequestDownloadTokenRequest order(const Who& buyer, const schema::Offer& offer,
                                              const std::string& request_id) const;
    Result<schema::Purchase> buy(const Who& buyer, const schema::Offer& offer,
                                 const std::string& request_id = "request-0000000001");
    Result<schema::Purchase> request_download(const Who& buyer, const schema::RequestDownloadTokenRequest& request);
    Result<schema::Purchase> purchase(const std::string& id);
    /// The purchase's fresh key Q of this buyer and request id.
    SigningKey purchase_key(const Who& buyer, const std::string& request_id) const;

    // Keys. Key epoch 0: that of the purchase's batch.
    Result<schema::ReleaseTask> release_task(std::size_t organisation, const std::string& purchase,
                                             std::uint32_t key_epoch = 0);
    schema::ReleaseRequest prepare_release(std::size_t organisation, const std::string& purchase,
                                           std::uint32_t key_epoch = 0);
    Result<schema::ReleaseRecord> release(std::size_t organisation, const std::string& purchase,
                                          std::uint32_t key_epoch = 0);
    Result<schema::ReleaseRecord> release(const Who& who, const schema::ReleaseRequest& request);
    /// The first three organisations.
    void release_enough(const std::string& purchase, std::uint32_t key_epoch = 0);

    // Delivery.
    using Served = std::vector<std::pair<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>>>;
    schema::DownloadDataStreamRequest receipt(const Who& buyer, const schema::Purchase& purchase, std::uint64_t counter,
                                              const Served& served) const;
    Result<schema::DownloadReply> deliver(const schema::DownloadDataStreamRequest& request);
    Result<schema::GrantReply> grant(const std::string& id);
    Result<schema::Purchase> refund(const Who& who, const std::string& purchase);

    std::string signature(const SigningKey& key, std::string_view type, std::string_view payload) const;

protected:
    /// Fills in frames, plaintext, receipts and batch. Precondition: token, drawn and key are set.
    void make_batch(const Who& seller, Stored& stored, std::size_t frame_count) const;

private:
    schema::Manifest manifest_of(const Stored& stored) const;
    void fill_frames(Stored& stored, std::size_t count) const;
};

}  // namespace fairstream::chaincode::tests
