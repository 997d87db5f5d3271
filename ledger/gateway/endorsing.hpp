#pragma once

#include <functional>

#include "base/net/loop_scope.hpp"
#include "ledger/gateway/endorse_queue.hpp"
#include "ledger/gateway/surroundings.hpp"
#include "ledger/gateway/tally.hpp"

namespace fairstream::ledger::gateway {

/// Gathers the endorsements of one proposal in parallel: from this node's organisation and as many of those after it in
/// the config's list as must endorse, and from all once one of them is late, refuses or differs; of a proposal with
/// private inputs, which each organisation is to have, from all at once. Those that lag are asked again for a little
/// while. Loop thread only.
class Endorsing : public std::enable_shared_from_this<Endorsing> {
public:
    struct Assembled {
        Bytes transaction;   // Transaction
        std::string result;  // ProposalResult within it
    };
    /// What was assembled, or why nothing was.
    using Done = std::function<void(Result<Assembled>)>;

    /// The queue of an organisation, this node's own among them.
    using QueueOf = std::function<EndorseQueue&(const std::string& organisation)>;

    /// The request's traceparent goes along to those who are asked.
    Endorsing(const Parts& parts, base::net::LoopScope& scope, QueueOf queue_of, proto::ProposalRequest request,
              Done done);
    void start();

private:
    void ask_all();
    void ask(const std::vector<std::string>& organisations);
    void ask_rest();
    std::vector<std::string> in_turn() const;
    void answered(std::uint32_t attempt, const std::string& organisation, Result<proto::EndorseResult> answer);
    void conclude();
    Assembled assemble() const;

    const Parts& parts_;
    base::net::LoopScope& scope_;
    const QueueOf queue_of_;
    const std::shared_ptr<const proto::ProposalRequest> request_;
    Done done_;                                         // empty once called
    std::shared_ptr<const contract::Channel> channel_;  // in force when this attempt began
    Tally tally_;
    std::vector<std::string> rest_;  // organisations that this attempt has not asked yet
    std::uint32_t attempt_ = 0;
    std::chrono::microseconds deadline_;
};

}  // namespace fairstream::ledger::gateway
