#pragma once

#include <deque>
#include <functional>

#include "base/net/loop_scope.hpp"
#include "ledger/gateway/surroundings.hpp"

namespace fairstream::ledger::gateway {

/// Proposals that wait for one organisation's word. What comes while earlier ones are under way goes together, in one
/// request under one signature; when nothing is under way, nothing waits. One request at a time: with two, their
/// batches are half as large, and each of them costs every node a verification. Loop thread only.
class EndorseQueue {
public:
    using Done = std::function<void(Result<proto::EndorseResult>)>;

    EndorseQueue(const Parts& parts, base::net::LoopScope& scope, std::string organisation)
        : parts_(parts), scope_(scope), organisation_(std::move(organisation)) {}

    /// Errors: what the endorser refused with; bad_endorsement; busy (also when too many wait already); those of the
    /// link.
    void ask(std::shared_ptr<const proto::ProposalRequest> request, Done done);
    /// What is under way has been so since before `since`.
    bool is_late(std::chrono::microseconds since) const { return under_way_ && sent_at_ < since; }

private:
    struct Waiting {
        std::shared_ptr<const proto::ProposalRequest> request;
        Done done;
    };
    struct Batch {
        proto::EndorseRequest request;
        std::vector<Hash> ids;
        std::vector<Done> done;
        std::shared_ptr<const contract::Channel> channel;  // in force when it was sent
    };
    using BatchPtr = std::shared_ptr<Batch>;

    void flush();
    BatchPtr next_batch();
    void send(const BatchPtr& batch);
    void ask_own(const BatchPtr& batch);
    void ask_other(const BatchPtr& batch);
    void failed(const BatchPtr& batch, const Error& error);
    void finished(const BatchPtr& batch, std::vector<Result<proto::EndorseResult>> results);

    const Parts& parts_;
    base::net::LoopScope& scope_;
    const std::string organisation_;
    std::deque<Waiting> waiting_;
    bool under_way_ = false;
    std::chrono::microseconds sent_at_{0};
    bool flushing_ = false;  // at the end of what the loop does now
};

}  // namespace fairstream::ledger::gateway
