#pragma once

#include "ledger/client/client.hpp"
#include "mqtt_bridge/operator/operator_daemon.hpp"
#include "network/tls_files.hpp"

namespace fairstream::network {

/// operator.yaml, read and checked: the daemon, and the own organisation's nodes that it asks.
struct OperatorProgramConfig {
    mqtt_bridge::storage_operator::OperatorConfig daemon;  // without on_failure
    TlsFiles tls;                                          // read again while it runs
    ledger::client::Options ledger;
};

/// Errors: not_found, bad_config (file and line), and those of reading keys and certificates.
Result<OperatorProgramConfig> load_operator_config(const std::filesystem::path& file);

}  // namespace fairstream::network
