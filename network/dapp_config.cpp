#include "network/dapp_config.hpp"

#include "base/config.hpp"
#include "identity/crypto/keys.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "network/program.hpp"

namespace fairstream::network {

namespace {

constexpr std::size_t kMaxGateways = 64;
constexpr std::uint64_t kMaxPerSecond = 1'000'000;

std::vector<ledger::client::Gateway> read_gateways(base::Config& config, std::string_view key) {
    std::vector<ledger::client::Gateway> gateways;
    if (!config.has(key)) return gateways;
    for (auto& gateway : config.sections(key, kMaxGateways)) {
        auto name = gateway.text("name", 64);
        if (const auto address = marketplace_dapp::client::parse_address(gateway.text("address", 256)))
            gateways.push_back({.address = *address, .server_name = std::move(name)});
        else
            gateway.reject("address", address.error().message);
    }
    return gateways;
}

}  // namespace

Result<DappProgramConfig> load_dapp_config(const std::filesystem::path& file) {
    FS_ASSIGN(auto config, base::Config::load(file));
    DappProgramConfig out;
    out.name = config.text("name", 64);
    config.text("organisation", 64);
    out.followed.channel = config.text("network", 64);
    out.tls.roots = beside(file, config.text("roots"));
    const auto key = beside(file, config.text("key"));
    out.tls.key = beside(file, config.text("tls_key"));
    out.tls.certificate = beside(file, config.text("tls_certificate"));
    if (const auto address = marketplace_dapp::client::parse_address(config.text("https_listen", 256)))
        out.api.listen = *address;
    else
        config.reject("https_listen", address.error().message);
    out.api.database = config.text("database", 1024);
    out.api.reads_per_second = static_cast<double>(config.integer_or("reads_per_second", 100, 1, kMaxPerSecond));
    out.api.writes_per_second = static_cast<double>(config.integer_or("writes_per_second", 20, 1, kMaxPerSecond));
    out.followed.gateways = read_gateways(config, "gateways");
    if (out.followed.gateways.empty()) config.reject("gateways", "names no node of the own organisation");
    const auto others = read_gateways(config, "other_gateways");
    auto traces = read_traces(config, file, out.tls.roots);
    FS_TRY(config.finish());
    FS_ASSIGN(out.traces, std::move(traces));
    FS_ASSIGN(out.api.key, identity::crypto::SigningKey::load(key));
    FS_ASSIGN(out.api.tls, load_tls(out.tls));
    out.followed.trusted_roots = out.api.tls.trusted_roots;
    out.submitted = out.followed;
    out.submitted.gateways.insert(out.submitted.gateways.end(), others.begin(), others.end());
    return out;
}

}  // namespace fairstream::network
