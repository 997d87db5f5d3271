#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/net/loop.hpp"
#include "identity/crypto/keys.hpp"
#include "ledger/client/client.hpp"

namespace fairstream::security_manager::custodian {

struct CustodianOptions {
    std::filesystem::path state_file;  // how far the chain has been followed
    std::chrono::milliseconds first_retry{500};
    std::chrono::milliseconds last_retry{30'000};
    std::size_t max_pending = 10'000;  // jobs in work; the chain is read again when there were more
    std::size_t workers = 4;           // releases under way at once, 1 at least
};

/// An organisation's key custodian (marketplace.md, "Key custody"): follows sealed purchases and opened key epochs, and
/// releases this organisation's share of each key to each buyer of it, once. Of a live stream a purchase is given the
/// key epochs that it meets when its time begins, and each further one when that is opened. Runs on threads of its own,
/// since ledger calls block. After a restart it goes on where it was; what it released already is not wanted any more.
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
    /// Keys besides its own: those that the roster held before, since what was dealt to them is still released, and one
    /// that it is to hold. From any thread.
    void use_keys_besides(std::vector<identity::crypto::SigningKey> keys);
    /// Waits for a call under way; not on the loop thread.
    void stop();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace fairstream::security_manager::custodian
