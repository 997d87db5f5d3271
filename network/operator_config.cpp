#include "network/operator_config.hpp"

#include "base/config.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "network/program.hpp"

namespace fairstream::network {

namespace {

constexpr std::size_t kMaxGateways = 16;
constexpr std::size_t kMaxSocketPathBytes = 107;  // of the kernel

}  // namespace

Result<OperatorProgramConfig> load_operator_config(const std::filesystem::path& file) {
    FS_ASSIGN(auto config, base::Config::load(file));
    OperatorProgramConfig out;
    auto& daemon = out.daemon;
    daemon.name = config.text("name", 32);
    daemon.organisation = config.text("organisation", 64);
    daemon.network = config.text("network", 64);
    out.tls.roots = beside(file, config.text("roots"));
    const auto key = beside(file, config.text("key"));
    out.tls.key = beside(file, config.text("tls_key"));
    out.tls.certificate = beside(file, config.text("tls_certificate"));
    daemon.data = beside(file, config.text("data"));
    daemon.gate_socket = beside(file, config.text("gate_socket"));
    if (daemon.gate_socket.string().size() > kMaxSocketPathBytes)
        config.reject("gate_socket",
                      "its path has more than 107 bytes, which no Unix socket can have: use a shorter folder");
    const auto https_listen = config.text("https_listen", 256);
    const auto mqtts_listen = config.text("mqtts_listen", 256);
    if (const auto address = marketplace_dapp::client::parse_address(https_listen))
        daemon.listen = *address;
    else
        config.reject("https_listen", address.error().message);
    daemon.https_url = config.optional_text("https_url").value_or("https://" + https_listen);
    daemon.mqtt_url = config.optional_text("mqtt_url").value_or("mqtts://" + mqtts_listen);
    daemon.bearer_allowed = config.flag_or("bearer_sessions", true);
    for (auto& gateway : config.sections("gateways", kMaxGateways)) {
        auto name = gateway.text("name", 64);
        if (const auto address = marketplace_dapp::client::parse_address(gateway.text("address", 256)))
            out.ledger.gateways.push_back({.address = *address, .server_name = std::move(name)});
        else
            gateway.reject("address", address.error().message);
    }
    if (out.ledger.gateways.empty()) config.reject("gateways", "names no node of the own organisation");
    FS_TRY(config.finish());
    FS_ASSIGN(daemon.key, identity::crypto::SigningKey::load(key));
    FS_ASSIGN(daemon.tls, load_tls(out.tls));
    out.ledger.channel = daemon.network;
    out.ledger.trusted_roots = daemon.tls.trusted_roots;
    return out;
}

}  // namespace fairstream::network
