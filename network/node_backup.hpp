#pragma once

#include <filesystem>
#include <functional>

#include "base/result.hpp"
#include "network/node_config.hpp"

/// Backups of a stopped ledger node. They hold blocks, state, private values and the custodian's place in the chain,
/// and leave out what votes: key, vote log and guard (ledger.md, "Ordering", W6). A node that comes back with older
/// votes may contradict itself, so a restored one joins under a new key, which the consortium puts in place of the old
/// one.
namespace fairstream::network {

/// The name of the manifest in a backup's folder: "sha256  file", a line each, as sha256sum reads it, after comments
/// that say whose backup it is.
inline constexpr char kBackupManifest[] = "MANIFEST";

struct BackupSummary {
    std::size_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t height = 0;  // of the blocks in it
};

/// Copies into `to`, which must not be there or be empty. Errors: in_use (the node runs), exists, not_found, io_error.
Result<BackupSummary> back_up(const NodeProgramConfig& config, const std::filesystem::path& to);

/// Checks every file of the backup against the manifest, then puts them into the node's data folder, which must not be
/// there or be empty. Errors: exists, damaged, old_key (the node's key is the one that voted before), wrong_node
/// (another node's backup), not_found, io_error.
Result<BackupSummary> restore(const NodeProgramConfig& config, const std::filesystem::path& from);

}  // namespace fairstream::network
