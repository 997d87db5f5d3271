#pragma once

#include "ledger/state/state.hpp"

/// The stores without files: for simulated clusters and for tests of contracts. The same logic as on disk.
namespace fairstream::ledger::state {

std::unique_ptr<StateStore> memory_state();
std::unique_ptr<PrivateStore> memory_private();

}  // namespace fairstream::ledger::state
