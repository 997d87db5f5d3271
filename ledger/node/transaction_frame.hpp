#pragma once

#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace fairstream::ledger::node {

/// How transactions travel between nodes: u32 length | Transaction, one after the other.
Bytes frame_of(std::span<const Bytes> transactions);
/// Error: malformed (also more than 8192).
Result<std::vector<Bytes>> split_frame(ByteView frame);

}  // namespace fairstream::ledger::node
