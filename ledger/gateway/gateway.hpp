#pragma once

#include "ledger/gateway/commit_watch.hpp"
#include "ledger/gateway/endorse_queue.hpp"
#include "ledger/gateway/endorsing.hpp"
#include "ledger/gateway/event_streams.hpp"
#include "ledger/proto/methods.hpp"
#include "ledger/proto/receipt.pb.h"

namespace fairstream::ledger::gateway {

/// What clients talk to (ledger.md, "Transaction"): evaluates, gathers endorsements, takes transactions for ordering,
/// tells where they ended up, follows the chain. Loop thread only; simulation and reading run in the pool.
class Gateway {
public:
    explicit Gateway(Parts parts);

    /// One call on the gateway port. Errors: malformed, too_large, unknown_method, unavailable (go to another gateway),
    /// busy (try again), and each method's own.
    void on_call(base::net::RpcCall call, std::shared_ptr<base::net::Responder> responder);
    /// A block was applied; Surroundings::progress() shows it already.
    void advanced(std::span<const proto::Outcome> outcomes);
    /// These transactions wait for a block no more: who waits for their commit hears why.
    void dropped(std::span<const Hash> ids, const Error& why);
    /// Gathers the endorsements of a proposal of this node's own; answers the assembled transaction.
    void propose(proto::ProposalRequest request, std::function<void(Result<Bytes>)> done);
    void close() { scope_.close(); }

private:
    using ResponderPtr = std::shared_ptr<base::net::Responder>;

    void evaluate(proto::EvaluateRequest request, ResponderPtr responder);
    void endorse(proto::ProposalRequest request, ResponderPtr responder);
    void submit(proto::SubmitRequest request, ResponderPtr responder);
    void transact(proto::TransactRequest request, ResponderPtr responder);
    /// Fails the call, or calls on.
    void gather(proto::ProposalRequest request, const ResponderPtr& responder,
                std::function<void(Endorsing::Assembled)> then);
    void order(Bytes transaction, const std::string& traceparent, const ResponderPtr& responder,
               std::function<void(const Hash& id)> then);
    EndorseQueue& endorse_queue(const std::string& organisation);
    void get_block(const proto::GetBlockRequest& request, ResponderPtr responder);
    void get_transaction(const proto::GetTransactionRequest& request, ResponderPtr responder);
    void receipt(const proto::ReceiptRequest& request, ResponderPtr responder);
    void info(ResponderPtr responder) const;
    Result<proto::GetTransactionReply> find_transaction(const Hash& id) const;

    /// Runs `make_reply` in the pool and answers with what it returns.
    template <typename MakeReply>
    void answer_in_pool(ResponderPtr responder, MakeReply make_reply);

    const Parts parts_;
    base::net::LoopScope scope_;
    CommitWatch watch_;
    EventStreams events_;
    std::map<std::string, EndorseQueue> endorse_queues_;  // by organisation
    std::size_t endorsing_ = 0;                           // under way
};

}  // namespace fairstream::ledger::gateway
