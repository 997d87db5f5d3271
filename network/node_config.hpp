#pragma once

#include "ledger/client/client.hpp"
#include "ledger/node/config.hpp"
#include "network/traces.hpp"

namespace fairstream::network {

/// node.yaml, read and checked: the ledger node, and the custodian beside it.
struct NodeProgramConfig {
    std::filesystem::path file;
    std::string organisation;
    ledger::node::NodeConfig node;                        // without contracts and on_failure
    std::string trusted_roots;                            // PEM: whom the custodian's client trusts
    std::filesystem::path certificate_file;               // read again while the node runs: it may be renewed
    std::optional<base::net::Address> operations_listen;  // /healthz, /livez, /metrics; none: not served
    identity::crypto::SigningKey custodian_key;
    std::vector<identity::crypto::SigningKey> other_custodian_keys;  // former ones, one to come
    Traces traces;
    ledger::client::Identity member;  // the node's own certificate: signs the custodian's transactions
};

/// Errors: not_found, bad_config (file and line), and those of reading keys and certificates.
Result<NodeProgramConfig> load_node_config(const std::filesystem::path& file);

}  // namespace fairstream::network
