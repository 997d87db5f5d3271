#pragma once

#include "base/clock.hpp"
#include "ledger/client/client.hpp"

namespace fairstream::ledger::client {

/// A new transaction: the proposal with a fresh nonce, signed by `who`; private inputs beside it under a fresh salt.
proto::ProposalRequest make_proposal(const std::string& channel, const Identity& who, const Invocation& what,
                                     proto::Intent intent, base::TimePoint now);

/// What the transaction answered, out of its ProposalResult. Error: bad_answer (it is another proposal's, or cannot be
/// read).
Result<Bytes> response_of(const std::string& result, const proto::ProposalRequest& proposed);

}  // namespace fairstream::ledger::client
