#pragma once

#include <functional>

#include "base/net/loop_scope.hpp"
#include "ledger/gateway/endorse_queue.hpp"
#include "ledger/gateway/surroundings.hpp"
#include "ledger/gateway/tally.hpp"

namespace fairstream::ledger::gateway {

/// Gathers the endorsements of one proposal from all organisations in parallel. Those that lag are asked again for a
/// little while. Loop thread only.
class Endorsing : public std::enable_shared_from_this<Endorsing> {
public:
    /// The assembled Transaction's bytes, or why there is none.
    using Done = std::function<void(Result<Bytes>)>;

    /// The queue of an organisation, this node's own among them.
    using QueueOf = std::function<EndorseQueue&(const std::string& organisation)>;

    /// The request's traceparent goes along to those who are asked.
    Endorsing(const Parts& parts, base::net::LoopScope& scope, QueueOf queue_of, proto::ProposalRequest request,
              Done done);
    void start();

private:
    void ask_all();
    void answered(std::uint32_t attempt, const std::string& organisation, Result<proto::EndorseResult> answer);
    void conclude();
    Bytes assemble() const;

    const Parts& parts_;
    base::net::LoopScope& scope_;
    const QueueOf queue_of_;
    const std::shared_ptr<const proto::ProposalRequest> request_;
    Done done_;                                         // empty once called
    std::shared_ptr<const contract::Channel> channel_;  // in force when this attempt began
    Tally tally_;
    std::uint32_t attempt_ = 0;
    std::chrono::microseconds deadline_;
};

}  // namespace fairstream::ledger::gateway
