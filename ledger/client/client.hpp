#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/net/loop.hpp"
#include "base/net/rpc.hpp"
#include "identity/crypto/keys.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::client {

/// Who signs proposals: an actor (did:key of `key`) or a member (its certificate, DER).
struct Identity {
    identity::crypto::SigningKey key;
    std::string did;
    Bytes certificate;
};

struct Invocation {
    std::string contract;
    std::string function;
    Bytes arguments;
    Bytes private_inputs;  // empty: none
};

/// Where a transaction ended up, and what it answered.
struct Commit {
    Bytes transaction_id;
    std::uint64_t block = 0;
    std::uint32_t index = 0;
    Bytes response;
};

struct Gateway {
    base::net::Address address;
    std::string server_name;  // as in its certificate
};

struct Options {
    std::string channel;
    std::vector<Gateway> gateways;  // the first that answers is used; others on failure
    std::string trusted_roots;      // PEM
    std::string traceparent{};      // W3C Trace Context that submissions belong to; empty: each begins a trace
    std::chrono::milliseconds call_timeout{15'000};
    std::chrono::milliseconds commit_timeout{30'000};
};

/// The gateway client. Blocking calls from any thread but the loop's; reconnects to the next gateway by itself.
///
/// Errors of `submit`: the contract's own (endorsement refused: nothing was or will be committed); the validation code
/// in lower case, e.g. read_conflict (committed as invalid); `unreachable` (nothing was sent); `unknown_outcome` (it
/// may still commit: ask commit_status with the transaction id named in the message).
class Client {
public:
    Client(base::net::Loop& loop, Options options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    Result<Bytes> evaluate(const Identity& who, const Invocation& what, bool sealed = false);
    /// The same for a query that its creator signed elsewhere.
    Result<Bytes> evaluate_signed(const proto::ProposalRequest& request, bool sealed = false);
    /// Endorse, submit and wait for the commit. Retries by itself, as a new transaction, what was refused for a
    /// conflict (up to 10 times) and, as the same transaction, what a lost connection or a change of the channel config
    /// interrupted.
    Result<Commit> submit(const Identity& who, const Invocation& what);
    /// The same for a proposal that its creator signed elsewhere, as it is: never as a new transaction.
    Result<Commit> submit_signed(const proto::ProposalRequest& request);
    Result<proto::CommitStatusReply> commit_status(ByteView transaction_id, std::chrono::milliseconds wait);
    Result<proto::GetTransactionReply> transaction(ByteView transaction_id);
    Result<proto::DecidedBlock> block(std::uint64_t height);
    /// The Receipt of a committed transaction, as bytes: what receipt::verify_receipt takes. Errors: not_found,
    /// not_sealed (ask again a little later), pruned.
    Result<Bytes> receipt(ByteView transaction_id);
    Result<proto::InfoReply> info();

    /// Events after `checkpoint`, at least once, in order; follows the chain until cancelled, across reconnects.
    /// `on_batch` runs on the loop thread; a batch without events still moves the height.
    std::uint64_t subscribe(proto::Checkpoint after, std::vector<std::string> contracts, bool sealed,
                            std::function<void(const proto::EventBatch&)> on_batch);
    void unsubscribe(std::uint64_t subscription);

    const Options& options() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// submit / evaluate over protobuf messages:
///     FS_ASSIGN(auto reply, query<schema::OfferReply>(client, me, "marketplace", "GetOffer", request));
template <typename Reply, typename Request>
Result<Reply> query(Client& client, const Identity& who, std::string contract, std::string function,
                    const Request& request, bool sealed = false) {
    FS_ASSIGN(auto bytes,
              client.evaluate(who, {std::move(contract), std::move(function), proto::encode(request), {}}, sealed));
    return proto::decode<Reply>(bytes);
}
template <typename Reply, typename Request>
Result<Reply> submit(Client& client, const Identity& who, std::string contract, std::string function,
                     const Request& request, Bytes private_inputs = {}) {
    FS_ASSIGN(auto commit, client.submit(who, {std::move(contract), std::move(function), proto::encode(request),
                                               std::move(private_inputs)}));
    return proto::decode<Reply>(commit.response);
}

}  // namespace fairstream::ledger::client
