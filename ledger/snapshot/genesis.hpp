#pragma once

#include <functional>

#include "ledger/snapshot/store.hpp"

namespace fairstream::ledger::snapshot {

/// One key that a channel begins with.
struct GenesisEntry {
    std::string contract;
    std::string key;
    Bytes value;
};

/// Writes a snapshot of height 0 into `folder`: what a channel begins with. Its name goes into the genesis config
/// (ChannelConfig.genesis_snapshot), the folder to every node (NodeConfig.genesis_snapshot). `entry(i)` is asked once
/// for each i below `count`; full keys must rise. Errors: out_of_order, bad_key, io_error.
Result<Kept> write_genesis(const std::filesystem::path& folder, const std::string& channel, std::uint64_t count,
                           const std::function<GenesisEntry(std::uint64_t)>& entry);

}  // namespace fairstream::ledger::snapshot
