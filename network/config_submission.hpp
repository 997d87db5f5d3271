#pragma once

#include <filesystem>

#include "base/net/loop.hpp"
#include "ledger/client/client.hpp"
#include "network/config_change.hpp"

namespace fairstream::network {

/// Reads the channel config in force through a network's gateways, and submits changes of it.
class ConfigSubmission {
public:
    /// `network`: the folder with public/network.yaml.
    explicit ConfigSubmission(std::filesystem::path network) : network_(std::move(network)) {}

    /// As the gateway says: a proposal made on it proves nothing before the ledger takes it. Errors: those of the
    /// profile and the client; bad_config.
    Result<std::shared_ptr<const ledger::contract::Channel>> in_force();
    /// As a config transaction of a key made for it: what counts are the approvals. Errors: not_approved, bad_approval,
    /// wrong_epoch, bad_config, and those of Client::submit.
    Result<ledger::client::Commit> submit(const ledger::proto::ConfigUpdate& update);

private:
    Result<ledger::client::Client*> client();

    std::filesystem::path network_;
    std::unique_ptr<base::net::Loop> loop_;
    std::unique_ptr<ledger::client::Client> client_;
};

/// Adds the approval of the admin whose admin.key and admin.pem lie in `folder`. Errors: those of reading them.
Status approve_with(ledger::proto::ConfigUpdate& update, const std::string& channel,
                    const std::filesystem::path& folder);

}  // namespace fairstream::network
