#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ledger/blocks/walk.hpp"
#include "ledger/contract/channels.hpp"
#include "ledger/order/messages.hpp"

namespace fairstream::ledger::node {

/// Two votes of one member for one place, as this node has kept them.
struct Evidence {
    std::string node;
    order::Position at;
    std::uint64_t config_epoch = 0;
    bool proven = false;  // both are well signed under that epoch's config, and contradict each other
    std::string why_not;
};

/// What lies in a node's data folder, found without changing it. The node should not run: what it writes at the same
/// time looks unfinished.
struct Inspection {
    blocks::Walked blocks;
    std::uint64_t state_height = 0;
    std::uint64_t config_epoch = 0;  // in force for the block after the state's height
    order::Position last_vote;       // in the vote log
    order::Position guard;           // what the key has voted at most
    std::uint64_t vote_log_bytes = 0;
    std::vector<Evidence> evidence;     // of any member's double votes: its fault, not this node's
    std::uint64_t replayed = 0;         // blocks that were executed again; 0: not asked for, or pruned
    std::vector<std::string> problems;  // each names what is wrong, and where
};

struct InspectionOptions {
    std::filesystem::path data_folder;
    std::filesystem::path guard_file;  // empty: votes.guard in data_folder
    Bytes genesis;                     // ChannelConfig
    /// Checks every commit certificate and executes every block again, and holds the outcomes against those that the
    /// next header carries, and the result against the stored state: takes as long as the chain was long in the making.
    bool replay = false;
    std::function<void(std::uint64_t height)> progress;  // of the replay, now and then; may be empty
};

/// Errors: bad_config (the genesis), not_found (no data folder). What is damaged is among the problems.
Result<Inspection> inspect(const InspectionOptions& options);

}  // namespace fairstream::ledger::node
