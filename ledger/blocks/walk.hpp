#pragma once

#include <filesystem>
#include <functional>

#include "ledger/blocks/block_store.hpp"

namespace fairstream::ledger::blocks {

/// What lies in a folder of segments.
struct Walked {
    std::uint64_t first = 0;  // 0: no block
    std::uint64_t last = 0;
    std::uint64_t bytes = 0;
    std::size_t segments = 0;
    bool torn = false;  // an unfinished append at the end: a node that starts cuts it off
};

/// Reads every block of a store, in order, checksums and all, without changing anything: for a store that no node has
/// open, or whose newest blocks do not matter. Errors: not_found (no such folder), damaged (file and offset, or a gap
/// between segments), io_error, and those of `visit`, which end the walk.
Result<Walked> walk(const std::filesystem::path& folder,
                    const std::function<Status(std::uint64_t height, const proto::DecidedBlock& block)>& visit);

}  // namespace fairstream::ledger::blocks
