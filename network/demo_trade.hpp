#pragma once

#include <filesystem>
#include <map>

#include "marketplace_dapp/client/buyer.hpp"
#include "marketplace_dapp/client/seller.hpp"
#include "network/demo_report.hpp"
#include "security_manager/client/session_client.hpp"

namespace fairstream::network {

/// The demo's first half: one file sold by one seller to one of two clients, and what nobody may do.
class DemoTrade {
public:
    using SigningKey = identity::crypto::SigningKey;
    using Buyer = marketplace_dapp::client::Buyer;
    using Seller = marketplace_dapp::client::Seller;

    DemoTrade(DemoReport& report, marketplace_dapp::client::Connection& connection, std::filesystem::path dir,
              std::filesystem::path input)
        : report_(report), connection_(connection), dir_(std::move(dir)), input_(std::move(input)) {}

    Status run();

    Seller& seller() { return seller_; }
    const SigningKey& seller_key() const { return seller_key_; }
    const SigningKey& alice_key() const { return alice_key_; }
    const chaincode::schema::Purchase& bought() const { return bought_; }

private:
    using Balances = std::map<std::string, std::int64_t>;  // by account, label of an escrow, or "sum"

    Result<std::string> credential_for(const std::string& did);
    Status join();
    Status list_and_upload();
    Status buy_and_fetch();
    Status balances(const std::string& when, Balances& into);
    Status compare_balances();
    Status refusals();
    Result<chaincode::schema::Operator> first_operator();
    security_manager::client::SessionRequest session_request(const chaincode::schema::Operator& storage) const;
    Status read_without_purchase();
    Status captured_session();
    std::string label(const std::string& account) const;

    DemoReport& report_;
    marketplace_dapp::client::Connection& connection_;
    std::filesystem::path dir_, input_;
    SigningKey seller_key_ = SigningKey::generate();
    SigningKey alice_key_ = SigningKey::generate(), mallory_key_ = SigningKey::generate();
    Seller seller_{connection_, seller_key_};
    Buyer alice_{connection_, alice_key_}, mallory_{connection_, mallory_key_};
    chaincode::schema::Offer offer_;
    marketplace_dapp::client::Uploaded uploaded_;
    chaincode::schema::Purchase bought_;
    Balances before_, after_;
    std::map<std::string, std::string> operators_;  // by account
    marketplace_dapp::client::Stopwatch watch_;
};

}  // namespace fairstream::network
