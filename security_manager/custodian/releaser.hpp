#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "chaincode/schema/custody.pb.h"
#include "identity/crypto/keys.hpp"
#include "ledger/client/client.hpp"
#include "security_manager/custodian/release_queue.hpp"

namespace fairstream::security_manager::custodian {

/// The release of this custodian's share to the buyer: custody mathematics over what the ledger says of the purchase.
/// Errors: bad_task (malformed), key_missing (the stream was dealt to another key of the organisation), bad_point.
Result<chaincode::schema::ReleaseRequest> make_release(const identity::crypto::SigningKey& custodian,
                                                       const std::string& network, const std::string& purchase,
                                                       const chaincode::schema::ReleaseTask& task);

/// Works on one job at a time: asks the ledger what is wanted, and releases. Blocking; any thread but the loop's.
class Releaser {
public:
    /// `client` and `identity` must outlive this.
    Releaser(ledger::client::Client& client, const ledger::client::Identity& identity, identity::crypto::SigningKey key)
        : client_(client), identity_(identity), key_(std::move(key)) {}

    /// Custodian::use_keys_besides.
    void use_keys_besides(std::vector<identity::crypto::SigningKey> keys);

    /// What a job came to; neither a time nor jobs: it is done.
    struct Outcome {
        std::optional<TimePoint> not_before;
        std::vector<Job> jobs;
        std::optional<Job> rest;
        bool becomes() const { return !jobs.empty() || rest; }
    };
    /// Errors: those of the ledger; most pass.
    Result<Outcome> work(const Job& job);

private:
    identity::crypto::SigningKey key_for(const chaincode::schema::ReleaseTask& task) const;
    Result<Outcome> release(const Job& job);
    Result<Outcome> open_epochs(const Job& job);
    Result<Outcome> buyers(const Job& job);
    template <typename Reply, typename Request>
    Result<Reply> ask(const char* contract, const char* function, const Request& request);

    ledger::client::Client& client_;
    const ledger::client::Identity& identity_;
    const identity::crypto::SigningKey key_;
    mutable std::mutex mutex_;
    std::vector<identity::crypto::SigningKey> keys_besides_;
};

}  // namespace fairstream::security_manager::custodian
