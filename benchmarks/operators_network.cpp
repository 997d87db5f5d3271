#include "benchmarks/operators_network.hpp"

#include "network/supervisor.hpp"

namespace fairstream::benchmarks {

using marketplace_dapp::client::Profile;

Result<std::unique_ptr<OperatorsNetwork>> OperatorsNetwork::start(std::uint32_t operators, const Progress& progress) {
    FS_ASSIGN(auto scratch, network::ScratchNetwork::make({}));
    network::Topology topology;
    topology.operators = operators;
    FS_TRY(network::up({.dir = scratch.dir(), .topology = topology, .shape_given = true}, progress));
    FS_ASSIGN(auto profile, Profile::load(scratch.dir()));
    const auto folder = network::Layout::plan(scratch.dir(), topology).operators.front().folder;
    FS_ASSIGN(auto raw, RawBroker::start({.folder = scratch.dir() / "raw",
                                          .certificate = folder / "tls.pem",
                                          .private_key = folder / "tls.key",
                                          .trusted_roots = profile.trusted_roots}));
    return std::unique_ptr<OperatorsNetwork>(
        new OperatorsNetwork(std::move(scratch), std::move(raw), std::move(profile)));
}

}  // namespace fairstream::benchmarks
