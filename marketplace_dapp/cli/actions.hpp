#pragma once

#include <chrono>

#include "marketplace_dapp/cli/session.hpp"

/// What the market's verbs do; `verbs.cpp` gives them their names and options.
namespace fairstream::marketplace_dapp::cli {

Result<Answer> id_new(Session& session, const std::string& name);
Result<Answer> id_show(Session& session, const std::string& name);

struct CredentialOptions {
    std::string subject;
    std::string type = "VerifiedSeller";
    unsigned days = 365;
};
Result<Answer> credential_issue(Session& session, const CredentialOptions& options);

/// `role` is "seller" or "client".
Result<Answer> register_actor(Session& session, const std::string& role, const std::filesystem::path& credential);

/// `who`: a key's name, a DID, or another account; empty: --as.
Result<Answer> wallet_balance(Session& session, const std::string& who);
Result<Answer> wallet_send(Session& session, const std::string& to, std::int64_t amount_micro, const std::string& memo);
Result<Answer> wallet_faucet(Session& session, std::int64_t amount_micro);
Result<Answer> wallet_audit(Session& session);

struct OfferOptions {
    std::string topic, mode = "one-off", title, description, content_type, unit;
    std::vector<std::string> tags;
    std::int64_t price_micro = 0;
    bool verified_only = false;
    std::uint32_t minimum_trust = 0;
    std::optional<double> latitude, longitude;
    std::filesystem::path licence;
    std::chrono::milliseconds window{0};  // "stream": what one price buys; whole seconds
};
Result<Answer> offer_create(Session& session, const OfferOptions& options);
Result<Answer> offer_list(Session& session, const std::string& topic, std::uint32_t limit);
Result<Answer> offer_show(Session& session, const std::string& offer);

Result<Answer> upload(Session& session, const std::filesystem::path& file, const std::string& offer);
struct BuyOptions {
    std::string offer;
    std::uint32_t batch = 0;
    std::string request_id;     // empty: a new one
    std::uint32_t windows = 0;  // of a stream; 0: one, if it is one
    std::string after;          // the purchase to renew
};
Result<Answer> buy(Session& session, const BuyOptions& options);
Result<Answer> fetch(Session& session, const std::string& purchase, const std::filesystem::path& output);
Result<Answer> get(Session& session, const BuyOptions& options, const std::filesystem::path& output);
Result<Answer> refund(Session& session, const std::string& purchase);
Result<Answer> purchase_list(Session& session, std::uint32_t limit);
Result<Answer> purchase_show(Session& session, const std::string& purchase);
Result<Answer> tx_show(Session& session, const std::string& id);

}  // namespace fairstream::marketplace_dapp::cli
