#pragma once

#include "base/clock.hpp"
#include "ledger/contract/channel.hpp"
#include "ledger/validate/checked_before.hpp"

namespace fairstream::ledger::node {

struct Admitted {
    identity::crypto::Hash id{};
    identity::crypto::Hash creator{};  // of the Creator's bytes: whose share of the mempool it takes
};

/// What a transaction must satisfy before this node lets it wait for a block, so that nobody fills blocks with what is
/// bound to be invalid: the validator's checks that need no state, with `now` for the block's time. What is good is
/// kept in `known` for its block. Callable from any thread. Errors: the validation code in lower case (malformed,
/// policy_not_met, ...).
Result<Admitted> check_transaction(const std::shared_ptr<const contract::Channel>& channel, ByteView transaction,
                                   TimePoint now, validate::CheckedBefore& known);

}  // namespace fairstream::ledger::node
