#pragma once

#include <filesystem>
#include <string>

#include "network/supervisor.hpp"

/// Changing the members of a running one-machine network, whose administrators' keys are all at hand: each is a config
/// transaction (network/config_change.hpp), signed by a majority of organisations.
namespace fairstream::network {

/// A node, and its organisation if that is new, joins and is started. Answers the node's name. Errors: not_running,
/// bad_name, and those of the change.
Result<std::string> add_node(const std::filesystem::path& dir, const std::string& organisation,
                             const Progress& progress);

/// The node votes no more and is stopped; its organisation goes with its last node. Errors: not_running, not_found, and
/// those of the change.
Status remove_node(const std::filesystem::path& dir, const std::string& node, const Progress& progress);

/// A new certificate for the node's key; the running node takes it within seconds. Error: not_found.
Status renew_node(const std::filesystem::path& dir, const std::string& node);

/// A new key and certificate for a node that does not run (its disk is lost, or its vote log): the consortium puts them
/// in place of the old ones, which are kept beside them as node.key.old and node.pem.old. Errors: not_running (the
/// network), not_found, and those of the change.
Status new_node_key(const std::filesystem::path& dir, const std::string& node, const Progress& progress);

/// An organisation's custodian gets a new key; those it had stay for what was dealt to them. Its running nodes take it
/// within seconds. Errors: not_running, not_found, and those of the change.
Status renew_custodian(const std::filesystem::path& dir, const std::string& organisation, const Progress& progress);

}  // namespace fairstream::network
