#pragma once

#include "chaincode/schema/marketplace.pb.h"
#include "identity/crypto/custody.hpp"
#include "marketplace_dapp/client/actor.hpp"
#include "marketplace_dapp/client/subscription.hpp"

namespace fairstream::marketplace_dapp::client {

struct FetchRequest {
    std::string purchase;
    std::filesystem::path output;  // replaced only when every check has passed
    OnProgress on_progress;
};

struct Fetched {
    chaincode::schema::Purchase purchase;  // as it stands after payment
    std::uint64_t bytes = 0;
    identity::crypto::Hash plaintext_sha256{};
    std::vector<std::string> served_by;
    std::vector<std::string> faults;  // operators that refused, died or lied, and how
    std::int64_t paid_micro = 0;
    std::vector<StepTime> steps;
};

/// Finds, buys, fetches and checks data (marketplace.md, "A purchase").
class Buyer : public Actor {
public:
    using Actor::Actor;

    /// With a credential if `credential_jwt` is not empty: some offers are for verified clients only.
    Result<chaincode::schema::Actor> register_client(const std::string& credential_jwt);

    Result<chaincode::schema::OfferReply> offer(const std::string& offer);
    Result<chaincode::schema::ListOffersReply> offers(const std::string& topic_prefix, const std::string& after,
                                                      std::uint32_t limit);

    /// Puts the price in escrow under the offer's terms. `batch` 0: the newest. The same `request_id` never pays twice:
    /// it answers the purchase that it made before. Errors: price_changed, insufficient_funds, not_verified, ...
    Result<chaincode::schema::Purchase> buy(const std::string& offer, std::uint32_t batch,
                                            const std::string& request_id);
    /// The same for an offer of mode "stream": so many windows of time from now on, or, if `after` is not empty, from
    /// where that purchase ends. Error besides: already_renewed.
    Result<chaincode::schema::Purchase> buy_time(const std::string& offer, std::uint32_t windows,
                                                 const std::string& request_id, const std::string& after = {});
    Result<chaincode::schema::Purchase> purchase(const std::string& purchase);
    Result<chaincode::schema::ListPurchasesReply> purchases(const std::string& after, std::uint32_t limit);

    /// Waits until enough custodians have released, fetches, decrypts, checks root, tags and MAC, writes the file, and
    /// hands in the signed delivery receipt that pays seller and operators. May be repeated; pays once. Errors:
    /// keys_not_released (within `kKeysWithin`), wrong_key, bad_root, bad_mac, ...
    Result<Fetched> fetch(const FetchRequest& request);

    /// Reads a purchase of time as it is born (subscription.hpp). `renew_windows` > 0: buys so many more windows each
    /// time it nears its end, and goes on with them, also with those of an earlier run. One for each purchase that was
    /// read.
    Result<std::vector<Subscribed>> subscribe(const std::string& purchase, SubscribeRequest request,
                                              std::uint32_t renew_windows = 0);
    /// The purchase that goes on where this one ends; makes it if there is none yet.
    Result<chaincode::schema::Purchase> renew(const chaincode::schema::Purchase& purchase, std::uint32_t windows);

    /// Returns the escrow of a purchase that was not delivered in time. Errors: guard_not_met (too early),
    /// already_settled.
    Result<chaincode::schema::Purchase> refund(const std::string& purchase);

    static constexpr std::chrono::seconds kKeysWithin{60};

private:
    Result<chaincode::schema::Purchase> order(const std::string& offer,
                                              chaincode::schema::RequestDownloadTokenRequest request);
    Result<identity::crypto::custody::StreamKey> open_key(const chaincode::schema::Purchase& purchase,
                                                          const OnProgress& on_progress);
    Result<std::int64_t> hand_in(const chaincode::schema::Purchase& purchase,
                                 const chaincode::schema::SignedDeliveryReceipt& receipt);
};

}  // namespace fairstream::marketplace_dapp::client
