#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ledger/client/client.hpp"

namespace fairstream::marketplace_dapp::client {

/// What a client needs to reach a network: its name, whom to trust, where the gateways are. Read from
/// <network folder>/public/network.yaml, which holds nothing secret.
struct Profile {
    std::string network;
    std::string trusted_roots;  // PEM
    std::vector<ledger::client::Gateway> gateways;
    std::string dapp_url;  // https://host:port; empty: the network names none

    /// Errors: not_found, bad_config (file and line).
    static Result<Profile> load(const std::filesystem::path& network_folder);
    ledger::client::Options ledger_options() const;
};

/// "127.0.0.1:8443" -> Address. Error: bad_address.
Result<base::net::Address> parse_address(std::string_view text);

}  // namespace fairstream::marketplace_dapp::client
