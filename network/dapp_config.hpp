#pragma once

#include "ledger/client/client.hpp"
#include "marketplace_dapp/api/api.hpp"
#include "network/tls_files.hpp"
#include "network/traces.hpp"

namespace fairstream::network {

/// dapp.yaml, read and checked.
struct DappProgramConfig {
    std::string name;
    marketplace_dapp::api::Api::Options api;
    ledger::client::Options followed;   // the own organisation's nodes: whose word the read model takes
    ledger::client::Options submitted;  // all nodes: transactions prove themselves
    TlsFiles tls;                       // read again while it runs
    Traces traces;
};

/// Errors: not_found, bad_config (file and line), and those of reading keys and certificates.
Result<DappProgramConfig> load_dapp_config(const std::filesystem::path& file);

}  // namespace fairstream::network
