#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "network/postgres.hpp"

/// How a consortium on one machine is laid out in its folder. Each organisation's folder could be copied to a machine
/// of its own: configs name no path outside of it.
namespace fairstream::network {

/// What `fairstream network up` was asked for; kept in <dir>/topology.yaml, so that a second `up` resumes the same.
struct Topology {
    std::string name = "fairstream-local";  // of the network: the ledger's channel
    std::uint32_t organisations = 4;        // 1 to 16
    std::uint32_t nodes_per_org = 1;        // 1 to 4
    std::uint32_t operators = 3;            // 0 to 9, spread over the organisations
    struct Added {
        std::string node;
        std::string organisation;
    };
    std::vector<Added> added{};          // nodes that joined since the genesis config, or got another key
    std::vector<std::string> removed{};  // nodes that the consortium has removed: their data stay, they are not started

    /// Reads <dir>/topology.yaml. Errors: not_found, bad_config (file and line).
    static Result<Topology> load(const std::filesystem::path& dir);
    Status save(const std::filesystem::path& dir) const;
};

struct NodePlace {
    std::string name;          // "node1.org1"
    std::string organisation;  // "org1"
    std::filesystem::path folder;
    std::string peer_host{};  // a loopback address of its own, which its links to other nodes come from as well
    std::uint16_t peer_port = 0;
    std::uint16_t gateway_port = 0;
    std::uint16_t operations_port = 0;  // /healthz, /metrics
    bool joined = false;                // it does not stand in the genesis config, or with another key
};

struct OperatorPlace {
    std::string name;  // "op1"
    std::string organisation;
    std::filesystem::path folder;
    std::uint16_t mqtts_port = 0;
    std::uint16_t https_port = 0;
};

/// The marketplace server and its PostgreSQL, run by the first organisation.
struct DappPlace {
    std::string name = "dapp";
    std::string organisation;
    std::filesystem::path folder;  // PostgreSQL's socket lies here, its data in postgres/
    std::uint16_t https_port = 0;

    std::string postgres_name() const { return name + ".postgres"; }
    PostgresPlace postgres() const {
        return {.data = folder / "postgres", .socket_folder = folder, .log = folder / "postgres-log.txt"};
    }
};

/// Every process of the network with its folder and ports.
struct Layout {
    std::filesystem::path dir;
    Topology topology;
    std::vector<std::string> organisations;
    std::vector<NodePlace> nodes;
    std::vector<OperatorPlace> operators;
    DappPlace dapp;

    /// Names and folders follow from the topology; ports are 0 until `assign_ports`.
    static Layout plan(const std::filesystem::path& dir, const Topology& topology);

    std::filesystem::path organisation_folder(const std::string& organisation) const { return dir / organisation; }
    std::filesystem::path public_folder() const { return dir / "public"; }
    std::filesystem::path keys_folder() const { return dir / "keys"; }
    std::filesystem::path run_folder() const { return dir / "run"; }
};

/// Ports for one more node, kept with the others. Errors: no_free_ports, io_error.
Status assign_node_ports(Layout& layout, const std::string& node);
/// Writes <dir>/run/ports.yaml. Error: io_error.
Status save_ports(Layout& layout);
/// Keeps the ports of <dir>/run/ports.yaml if all of them are still free; otherwise picks new ones below the range that
/// the kernel hands to outgoing connections. Either way they are this process's until it ends: no other network's
/// supervisor takes them before something listens there. Errors: no_free_ports.
Status assign_ports(Layout& layout);
/// The ports as last assigned. Error: not_found.
Status load_ports(Layout& layout);

}  // namespace fairstream::network
