#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "base/net/loop.hpp"
#include "identity/crypto/keys.hpp"
#include "ledger/client/client.hpp"

namespace fairstream::security_manager::custodian {

struct CustodianOptions {
    std::filesystem::path state_file;  // how far the chain has been followed
    std::chrono::milliseconds first_retry{500};
    std::chrono::milliseconds last_retry{30'000};
    std::size_t max_pending = 10'000;  // purchases in work; the chain is read again when there were more
};

/// An organisation's key custodian (marketplace.md, "Key custody"): follows sealed purchases and releases this
/// organisation's share of the stream's key to each buyer, once. Runs on a thread of its own, since ledger calls block.
/// After a restart it goes on where it was; what it released already is not wanted any more.
class Custodian {
public:
    /// `identity` is a member of the organisation, by certificate; `key` is k_i, whose P_i the roster holds.
    /// `loop` and `client` must outlive this.
    Custodian(base::net::Loop& loop, ledger::client::Client& client, ledger::client::Identity identity,
              identity::crypto::SigningKey key, CustodianOptions options);
    ~Custodian();  // stops
    Custodian(const Custodian&) = delete;
    Custodian& operator=(const Custodian&) = delete;

    /// Errors: those of reading the state file, bad_state (damaged).
    Status start();
    /// Waits for a call under way; not on the loop thread.
    void stop();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace fairstream::security_manager::custodian
