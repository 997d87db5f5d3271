#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/keys.hpp"
#include "ledger/client/client.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "mqtt_bridge/client/endpoint.hpp"

/// The SDK: one object per actor. Every call is blocking, signs with the actor's own key in this process, and builds
/// what it signs from its own arguments.
namespace fairstream::marketplace_dapp::client {

/// A connection to one network, shared by the actors of a process.
class Connection {
public:
    Connection(base::net::Loop& loop, Profile profile);

    const Profile& profile() const { return profile_; }
    ledger::client::Client& ledger() { return ledger_; }

private:
    Profile profile_;
    ledger::client::Client ledger_;
};

/// How long a step of a trade took; shown by the CLI and the demo.
struct StepTime {
    std::string step;
    std::chrono::microseconds took;
};

/// What is going on in a long call: a step's name, and how much of it is done (total 0: unknown).
struct Progress {
    std::string step;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
};
using OnProgress = std::function<void(const Progress&)>;

/// Anyone with a key: account, money, registration. Seller and Buyer add what they may do.
class Actor {
public:
    Actor(Connection& connection, identity::crypto::SigningKey key);

    const std::string& did() const { return who_.did; }

    /// Error: not_registered.
    Result<chaincode::schema::Actor> account(const std::string& did);
    Result<std::int64_t> balance(const std::string& account);
    Result<ledger::client::Commit> send(const std::string& to, std::int64_t amount_micro, const std::string& memo);
    /// From the test network's faucet to this actor.
    Result<ledger::client::Commit> faucet(std::int64_t amount_micro);
    Result<chaincode::schema::AuditReply> audit();

    /// The grant with its operators, drawn if need be; waits for the block that the draw stands on.
    Result<chaincode::schema::GrantReply> drawn_grant(const std::string& grant);

protected:
    /// Registers as "RegisterAndVerifySeller" or "RegisterAndVerifyClient", showing `credential_jwt` if it is not
    /// empty.
    Result<chaincode::schema::Actor> register_as(const char* function, const std::string& credential_jwt);

    template <typename Reply, typename Request>
    Result<Reply> query(const char* contract, const char* function, const Request& request) {
        return ledger::client::query<Reply>(connection_.ledger(), who_, contract, function, request);
    }
    template <typename Reply, typename Request>
    Result<Reply> submit(const char* contract, const char* function, const Request& request,
                         Bytes private_inputs = {}) {
        return ledger::client::submit<Reply>(connection_.ledger(), who_, contract, function, request,
                                             std::move(private_inputs));
    }

    Connection& connection_;
    ledger::client::Identity who_;
};

/// Operators of a grant, in an order that spreads actors over them.
std::vector<mqtt_bridge::client::OperatorEndpoint> endpoints(const chaincode::schema::GrantReply& grant,
                                                             std::string_view spread_by);

/// Collects StepTimes: each `mark` ends the step that began at the one before.
class Stopwatch {
public:
    Stopwatch();
    void mark(std::string step);
    const std::vector<StepTime>& steps() const { return steps_; }

private:
    std::chrono::microseconds last_;
    std::vector<StepTime> steps_;
};

}  // namespace fairstream::marketplace_dapp::client
