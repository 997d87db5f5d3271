#pragma once

#include "ledger/contract/context.hpp"

namespace fairstream::tests {

/// A contract small enough to see through; arguments are texts.
///   Put "key=value"    -> emits "put" with the same text
///   Get "key"          -> the value, or error not_found
///   Add "counter=3"    -> a delta; the counter stays within 0 and 1000
///   Count "counter"    -> the counter as text
///   Append "key=x"     -> reads, appends, writes: conflicts with another Append
///   Hide "key"         -> the private inputs under the key
///   Reveal "key"       -> the private value
///   Late "-" / Early "-" -> guards on block time that cannot hold
std::shared_ptr<const ledger::contract::Contract> kv_contract();

}  // namespace fairstream::tests
