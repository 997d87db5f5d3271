#include "mqtt_bridge/operator/mosquitto_config.hpp"

#include <fmt/format.h>

namespace fairstream::mqtt_bridge::storage_operator {

std::string mosquitto_config(const BrokerConfig& config) {
    std::string out = fmt::format(
        R"(# Written at every start; changes here are lost.
listener {port} {host}
certfile {certificate}
keyfile {key}
cafile {roots}
tls_version tlsv1.2
allow_anonymous false
plugin {plugin}
plugin_opt_operator {name}
plugin_opt_socket {socket}
persistence false
retain_available false
message_size_limit {message_bytes}
max_inflight_messages 64
max_queued_messages 4096
max_queued_bytes {queued_bytes}
max_keepalive 120
persistent_client_expiration 1h
set_tcp_nodelay true
sys_interval 0
log_dest stderr
log_type error
log_type warning
log_type notice
)",
        fmt::arg("port", config.port), fmt::arg("host", config.host),
        fmt::arg("certificate", config.certificate.string()), fmt::arg("key", config.private_key.string()),
        fmt::arg("roots", config.trusted_roots.string()), fmt::arg("plugin", config.plugin.string()),
        fmt::arg("name", config.operator_name), fmt::arg("socket", config.gate_socket.string()),
        fmt::arg("message_bytes", 4u << 20), fmt::arg("queued_bytes", 128u << 20));
    if (config.root) out += "user root\n";
    return out;
}

}  // namespace fairstream::mqtt_bridge::storage_operator
