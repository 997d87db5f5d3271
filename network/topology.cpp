#include "network/topology.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "base/config.hpp"
#include "base/file.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;

namespace {

constexpr std::uint16_t kLowestPort = 20'000;
constexpr std::uint16_t kHighestPort = 32'000;  // Linux hands out 32768 and above to outgoing connections
constexpr int kPortAttempts = 4'000;
constexpr std::size_t kMaxAdded = 256;
constexpr std::size_t kHostsPerNet = 250;

bool port_is_free(std::uint16_t port) {
    base::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_ANY);  // nobody has it at any address
    return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

/// Takes a port for as long as this process runs, whether or not something listens there yet. False if another process
/// has taken it. A name of an abstract socket says so: like ports, those belong to the network namespace.
bool claim(std::uint16_t port) {
    static std::map<std::uint16_t, base::FileDescriptor> claimed;
    if (claimed.contains(port)) return true;
    base::FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto name = fmt::format("fairstream-port-{}", port);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, address.sun_path + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return false;
    claimed.emplace(port, std::move(socket));
    return true;
}

fs::path ports_file(const Layout& layout) {
    return layout.run_folder() / "ports.yaml";
}

void for_each_port(Layout& layout, const std::function<void(const std::string&, std::uint16_t&)>& visit) {
    for (auto& node : layout.nodes) {
        visit(node.name + ".peer", node.peer_port);
        visit(node.name + ".gateway", node.gateway_port);
        visit(node.name + ".operations", node.operations_port);
    }
    for (auto& storage : layout.operators) {
        visit(storage.name + ".mqtts", storage.mqtts_port);
        visit(storage.name + ".https", storage.https_port);
    }
    visit(layout.dapp.name + ".https", layout.dapp.https_port);
}

/// Those that are 0.
Status pick_ports(Layout& layout) {
    std::mt19937 random{std::random_device{}()};
    std::uniform_int_distribution<std::uint16_t> any(kLowestPort, kHighestPort);
    std::set<std::uint16_t> taken;
    int attempts = 0;
    for_each_port(layout, [&](const std::string&, std::uint16_t& port) { taken.insert(port); });
    for_each_port(layout, [&](const std::string&, std::uint16_t& port) {
        if (port != 0) return;
        for (; attempts < kPortAttempts; ++attempts) {
            const auto candidate = any(random);
            if (taken.contains(candidate) || !port_is_free(candidate) || !claim(candidate)) continue;
            taken.insert(candidate);
            port = candidate;
            return;
        }
    });
    if (attempts >= kPortAttempts)
        return fail("no_free_ports",
                    fmt::format("found too few free ports between {} and {}", kLowestPort, kHighestPort));
    return {};
}

}  // namespace

Result<Topology> Topology::load(const fs::path& dir) {
    FS_ASSIGN(auto config, base::Config::load(dir / "topology.yaml"));
    Topology topology;
    topology.name = config.text("network", 64);
    topology.organisations = static_cast<std::uint32_t>(config.integer("organisations", 1, 16));
    topology.nodes_per_org = static_cast<std::uint32_t>(config.integer("nodes_per_org", 1, 4));
    topology.operators = static_cast<std::uint32_t>(config.integer("operators", 0, 9));
    if (config.has("added"))
        for (auto& entry : config.sections("added", kMaxAdded))
            topology.added.push_back({entry.text("node", 64), entry.text("organisation", 64)});
    if (config.has("removed")) topology.removed = config.texts("removed", kMaxAdded);
    FS_TRY(config.finish());
    return topology;
}

Status Topology::save(const fs::path& dir) const {
    auto text = fmt::format(
        "# Made by `fairstream network up`; nodes join and leave by `fairstream network add-node|remove-node`.\n"
        "network: {}\norganisations: {}\nnodes_per_org: {}\noperators: {}\n",
        name, organisations, nodes_per_org, operators);
    for (const auto& node : added)
        text += fmt::format("{}  - node: {}\n    organisation: {}\n", &node == &added.front() ? "added:\n" : "",
                            node.node, node.organisation);
    for (const auto& node : removed)
        text += fmt::format("{}  - {}\n", &node == &removed.front() ? "removed:\n" : "", node);
    return base::write_file(dir / "topology.yaml", as_bytes(text));
}

Layout Layout::plan(const fs::path& dir, const Topology& topology) {
    Layout layout{.dir = dir, .topology = topology, .organisations = {}, .nodes = {}, .operators = {}, .dapp = {}};
    for (std::uint32_t o = 1; o <= topology.organisations; ++o) {
        const auto organisation = fmt::format("org{}", o);
        layout.organisations.push_back(organisation);
        for (std::uint32_t n = 1; n <= topology.nodes_per_org; ++n) {
            const auto short_name = fmt::format("node{}", n);
            layout.nodes.push_back({.name = short_name + "." + organisation,
                                    .organisation = organisation,
                                    .folder = dir / organisation / short_name});
        }
    }
    for (const auto& [name, organisation] : topology.added) {
        const auto known = std::ranges::find(layout.nodes, name, &NodePlace::name);
        if (known != layout.nodes.end()) {
            known->joined = true;  // under another key
            continue;
        }
        if (std::ranges::find(layout.organisations, organisation) == layout.organisations.end())
            layout.organisations.push_back(organisation);
        layout.nodes.push_back({.name = name,
                                .organisation = organisation,
                                .folder = dir / organisation / name.substr(0, name.find('.')),
                                .joined = true});
    }
    // By place in a list that only grows, so that an address stays a node's own.
    for (std::size_t i = 0; i < layout.nodes.size(); ++i)
        layout.nodes[i].peer_host = fmt::format("127.0.{}.{}", 1 + i / kHostsPerNet, 1 + i % kHostsPerNet);
    std::erase_if(layout.nodes, [&](const NodePlace& node) {
        return std::ranges::find(topology.removed, node.name) != topology.removed.end();
    });
    for (std::uint32_t i = 1; i <= topology.operators; ++i) {
        const auto& organisation = layout.organisations[(i - 1) % topology.organisations];
        const auto name = fmt::format("op{}", i);
        layout.operators.push_back({.name = name, .organisation = organisation, .folder = dir / organisation / name});
    }
    layout.dapp.organisation = layout.organisations.front();
    layout.dapp.folder = dir / layout.dapp.name;
    return layout;
}

Status load_ports(Layout& layout) {
    FS_ASSIGN(auto config, base::Config::load(ports_file(layout)));
    for_each_port(layout, [&](const std::string& key, std::uint16_t& port) {
        port = static_cast<std::uint16_t>(config.integer(key, 1, 65'535));
    });
    return config.finish();
}

Status assign_ports(Layout& layout) {
    bool usable = load_ports(layout).has_value();
    for_each_port(
        layout, [&](const std::string&, std::uint16_t& port) { usable = usable && port_is_free(port) && claim(port); });
    if (usable) return {};
    for_each_port(layout, [](const std::string&, std::uint16_t& port) { port = 0; });
    FS_TRY(pick_ports(layout));
    return save_ports(layout);
}

Status assign_node_ports(Layout& layout, const std::string& node) {
    for (auto& place : layout.nodes)
        if (place.name == node) place.peer_port = place.gateway_port = place.operations_port = 0;
    FS_TRY(pick_ports(layout));
    return save_ports(layout);
}

Status save_ports(Layout& layout) {
    std::string text = "# Ports, kept while they are free.\n";
    for_each_port(layout,
                  [&](const std::string& key, std::uint16_t& port) { text += fmt::format("{}: {}\n", key, port); });
    return base::write_file(ports_file(layout), as_bytes(text));
}

}  // namespace fairstream::network
