#pragma once

#include <filesystem>
#include <string>

namespace fairstream::mqtt_bridge::storage_operator {

/// What the broker beside an operator daemon is started with: `mosquitto -c FILE`.
struct BrokerConfig {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::filesystem::path certificate;  // PEM files
    std::filesystem::path private_key;
    std::filesystem::path trusted_roots;
    std::filesystem::path plugin;       // libfairstream_gate.so
    std::filesystem::path gate_socket;  // the daemon's
    std::string operator_name;
    bool root = false;  // uid 0: mosquitto must be told not to drop to a user who cannot read the keys
};

/// The text of mosquitto.conf: MQTT over TLS only, everything decided by the gate, bounded queues, and nothing kept on
/// disk, since what is durable is in the stream log.
std::string mosquitto_config(const BrokerConfig& config);

}  // namespace fairstream::mqtt_bridge::storage_operator
