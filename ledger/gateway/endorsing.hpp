#pragma once

#include <functional>

#include "base/net/loop_scope.hpp"
#include "ledger/gateway/surroundings.hpp"
#include "ledger/gateway/tally.hpp"

namespace fairstream::ledger::gateway {

/// Gathers the endorsements of one proposal: this node's own in the pool, one node of each other organisation in
/// parallel. Organisations that lag are asked again for a little while. Loop thread only, but where said.
class Endorsing : public std::enable_shared_from_this<Endorsing> {
public:
    /// The assembled Transaction's bytes, or why there is none.
    using Done = std::function<void(Result<Bytes>)>;

    Endorsing(const Parts& parts, base::net::LoopScope& scope, proto::ProposalRequest request, Done done);
    void start();

private:
    void ask_all();
    void ask_own();
    void ask_other(const std::string& organisation);
    static Result<proto::EndorseResult> checked(const contract::Channel& channel, const std::string& organisation,
                                                const Bytes& answer);  // in the pool
    void answered(std::uint32_t attempt, const std::string& organisation, Result<proto::EndorseResult> answer);
    void conclude();
    Bytes assemble() const;

    const Parts& parts_;
    base::net::LoopScope& scope_;
    const proto::ProposalRequest request_;
    Bytes peer_request_;
    Done done_;                                         // empty once called
    std::shared_ptr<const contract::Channel> channel_;  // in force when this attempt began
    Tally tally_;
    std::uint32_t attempt_ = 0;
    std::chrono::microseconds deadline_;
};

}  // namespace fairstream::ledger::gateway
