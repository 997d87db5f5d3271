#pragma once

#include <memory>

#include "benchmarks/measured.hpp"
#include "benchmarks/raw_broker.hpp"
#include "marketplace_dapp/client/actor.hpp"
#include "network/scratch_network.hpp"

namespace fairstream::benchmarks {

/// A network with so many storage operators, for as long as this lives; beside it a plain broker for comparison, which
/// shows the first operator's certificate, and a client's connection.
class OperatorsNetwork {
public:
    /// Returns when the network is ready; from the main thread. Errors: those of ScratchNetwork, network::up,
    /// RawBroker.
    static Result<std::unique_ptr<OperatorsNetwork>> start(std::uint32_t operators, const Progress& progress);

    const std::filesystem::path& dir() const { return scratch_.dir(); }
    const RawBroker& raw() const { return raw_; }
    marketplace_dapp::client::Connection& connection() { return connection_; }

private:
    OperatorsNetwork(network::ScratchNetwork scratch, RawBroker raw, marketplace_dapp::client::Profile profile)
        : scratch_(std::move(scratch)), raw_(std::move(raw)), connection_(loop_, std::move(profile)) {
        loop_.start();
    }

    network::ScratchNetwork scratch_;
    RawBroker raw_;
    base::net::Loop loop_;
    marketplace_dapp::client::Connection connection_;
};

}  // namespace fairstream::benchmarks
