#pragma once

#include <map>
#include <span>
#include <vector>

#include "base/net/loop_scope.hpp"
#include "base/net/rpc.hpp"
#include "ledger/gateway/surroundings.hpp"

namespace fairstream::ledger::gateway {

/// Those who wait for a transaction's commit, or for a height to be sealed. Bounded; loop thread only.
class CommitWatch {
public:
    CommitWatch(const Parts& parts, base::net::LoopScope& scope) : parts_(parts), scope_(scope) {}

    /// Answers CommitStatusReply: at once if the transaction is committed or nobody wants to wait, else when it is or
    /// the wait is over.
    void status(const proto::CommitStatusRequest& request, std::shared_ptr<base::net::Responder> responder);
    /// The same for a caller in this process. Errors: unavailable, busy, and that of dropped().
    using OnStatus = std::function<void(Result<proto::CommitStatusReply>)>;
    void when_committed(const Hash& id, std::chrono::milliseconds wait, OnStatus done);
    /// Runs `done` when outcomes up to `height` are sealed. Error: unavailable, after 10 s without.
    void when_sealed(std::uint64_t height, std::function<void(Status)> done);
    /// Fails those who wait for one of these transactions: it will not be committed as it is.
    void dropped(std::span<const Hash> ids, const Error& why);
    /// A block was applied.
    void advanced(std::span<const proto::Outcome> outcomes);

private:
    struct Waiter {
        Hash id{};
        OnStatus done;
        base::net::Loop::TimerId timer = 0;
    };
    struct SealWaiter {
        std::uint64_t height = 0;
        std::function<void(Status)> done;
        base::net::Loop::TimerId timer = 0;
    };
    Result<proto::CommitStatusReply> find(const Hash& id) const;
    void end_waiting(const Hash& id, const Result<proto::CommitStatusReply>& answer);

    const Parts& parts_;
    base::net::LoopScope& scope_;
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, Waiter> waiters_;
    std::multimap<Hash, std::uint64_t> by_id_;
    std::map<std::uint64_t, SealWaiter> seal_waiters_;
};

}  // namespace fairstream::ledger::gateway
