#include "marketplace_dapp/client/profile.hpp"

#include <cstdlib>

#include <charconv>

#include "base/config.hpp"
#include "base/file.hpp"

namespace fairstream::marketplace_dapp::client {

namespace {
constexpr std::size_t kMaxRootsBytes = 1u << 20;
constexpr std::size_t kMaxGateways = 64;
}  // namespace

Result<base::net::Address> parse_address(std::string_view text) {
    const auto colon = text.rfind(':');
    unsigned port = 0;
    if (colon != std::string_view::npos && colon > 0) {
        const auto digits = text.substr(colon + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        if (error == std::errc{} && end == digits.data() + digits.size() && port <= 65'535 && !digits.empty())
            return base::net::Address{.host = std::string(text.substr(0, colon)),
                                      .port = static_cast<std::uint16_t>(port)};
    }
    return fail("bad_address", "'" + std::string(text.substr(0, 100)) + "' is not host:port, like 127.0.0.1:8443");
}

Result<Profile> Profile::load(const std::filesystem::path& network_folder) {
    const auto folder = network_folder / "public";
    auto config = base::Config::load(folder / "network.yaml");
    if (!config && config.error().code == "not_found")
        return fail("not_found", "no network in " + network_folder.string() +
                                     ": start one with `fairstream network up --dir " + network_folder.string() + "`");
    if (!config) return fail(config.error());
    Profile profile;
    profile.network = config->text("network", 64);
    profile.dapp_url = config->optional_text("dapp", 256).value_or("");
    const auto roots = folder / config->text("roots", 256);
    for (auto& gateway : config->sections("gateways", kMaxGateways)) {
        const auto address = parse_address(gateway.text("address", 256));
        if (!address)
            gateway.reject("address", address.error().message);
        else
            profile.gateways.push_back({.address = *address, .server_name = gateway.text("name", 256)});
    }
    if (profile.gateways.empty()) config->reject("gateways", "names no gateway");
    FS_TRY(config->finish());
    FS_ASSIGN(auto pem, base::read_file(roots, kMaxRootsBytes));
    profile.trusted_roots = base::to_string(pem);
    return profile;
}

ledger::client::Options Profile::ledger_options() const {
    const char* const traceparent = std::getenv("TRACEPARENT");  // of whoever runs a client inside a trace
    return {.channel = network,
            .gateways = gateways,
            .trusted_roots = trusted_roots,
            .traceparent = traceparent == nullptr ? "" : traceparent};
}

}  // namespace fairstream::marketplace_dapp::client
