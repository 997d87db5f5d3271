#pragma once

#include "base/clock.hpp"
#include "ledger/contract/channel.hpp"

namespace fairstream::ledger::node {

/// What a transaction must satisfy before this node lets it wait for a block, so that nobody fills blocks with what is
/// bound to be invalid. Callable from any thread. Answers the transaction's id. Errors: malformed, too_large,
/// wrong_channel, wrong_intent, time_out_of_range, bad_creator, bad_signature, stale_config, policy_not_met.
Result<identity::crypto::Hash> check_transaction(const contract::Channel& channel, ByteView transaction, TimePoint now);

}  // namespace fairstream::ledger::node
