#pragma once

#include "base/clock.hpp"
#include "ledger/client/client.hpp"

namespace fairstream::ledger::client {

/// A new transaction: the proposal with a fresh nonce, signed by `who`; private inputs beside it under a fresh salt.
proto::ProposalRequest make_proposal(const std::string& channel, const Identity& who, const Invocation& what,
                                     proto::Intent intent, base::TimePoint now);

/// What the assembled transaction answers. Errors (bad_answer): it is not the one that was proposed, or cannot be read.
Result<Bytes> response_of(const proto::Transaction& transaction, const proto::ProposalRequest& proposed);

}  // namespace fairstream::ledger::client
