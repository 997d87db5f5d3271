#pragma once

#include <atomic>
#include <filesystem>
#include <thread>

#include "marketplace_dapp/client/buyer.hpp"
#include "marketplace_dapp/client/dapp_client.hpp"
#include "marketplace_dapp/client/rater.hpp"
#include "network/demo_report.hpp"
#include "network/demo_trade.hpp"

namespace fairstream::network {

/// The demo's second half: this machine's sensors as a live stream, found by place and bought through the DApp's REST
/// interface by a client that never speaks to a gateway for it, read while the keys roll; then ratings, and the trust
/// scores that follow.
class DemoStream {
public:
    DemoStream(DemoReport& report, marketplace_dapp::client::Connection& connection, std::filesystem::path dir,
               DemoTrade& before);
    ~DemoStream();

    Status run();

private:
    using SigningKey = identity::crypto::SigningKey;

    Status offer();
    void sell();
    Status find();
    Status buy();
    Status read();
    Status rate();
    Result<std::uint32_t> shown_trust();

    DemoReport& report_;
    marketplace_dapp::client::Connection& connection_;
    std::filesystem::path dir_;
    DemoTrade& before_;
    SigningKey carol_key_ = SigningKey::generate();
    ledger::client::Identity carol_;
    marketplace_dapp::client::Buyer buyer_{connection_, carol_key_};
    std::optional<marketplace_dapp::client::DappClient> dapp_;
    chaincode::schema::Offer offer_;
    chaincode::schema::Purchase bought_;
    marketplace_dapp::client::Stopwatch watch_;

    std::atomic<bool> enough_{false};  // for the seller's thread
    std::thread seller_;
    Result<marketplace_dapp::client::Streamed> sold_ = fail("not_started", "the stream has not begun");
    std::vector<std::string> written_;  // by the seller's thread, read after it has ended
};

}  // namespace fairstream::network
