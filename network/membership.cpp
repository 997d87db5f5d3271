#include "network/membership.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/msp/certificate.hpp"
#include "ledger/proto/wire.hpp"
#include "network/config_submission.hpp"
#include "network/process.hpp"
#include "network/provision.hpp"
#include "network/status.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using identity::crypto::SigningKey;

namespace {

constexpr auto kReadyWithin = 60s;

struct Network {
    pid_t supervisor = 0;
    Layout layout;
};

Result<Network> running_network(const fs::path& dir) {
    FS_ASSIGN(const auto topology, Topology::load(dir));
    Network network{.supervisor = 0, .layout = Layout::plan(dir, topology)};
    const auto pid = RunLock::holder(network.layout.run_folder() / "supervisor.pid");
    if (!pid) return fail("not_running", "no network runs in " + dir.string());
    network.supervisor = *pid;
    FS_TRY(load_ports(network.layout));
    return network;
}

/// Signed by admins of as many organisations as it takes, and committed.
Status commit_change(const Layout& layout, const ConfigChanges& changes, const Progress& progress) {
    ConfigSubmission submission(layout.dir);
    FS_ASSIGN(const auto now, submission.in_force());
    FS_ASSIGN(auto update, propose_change(*now, changes, base::wall_now()));
    for (const auto& entry : now->config().organisations()) {
        if (static_cast<std::size_t>(update.approvals_size()) == now->approvals_needed()) break;
        FS_TRY(approve_with(update, now->name(), layout.organisation_folder(entry.name()) / "admin"));
    }
    FS_ASSIGN(const auto commit, submission.submit(update));
    progress(fmt::format("config epoch {} is in force from block {}", now->epoch() + 1, commit.block + 1));
    return {};
}

/// The first of node1, node2, ... that the organisation has not.
std::string next_name(const Layout& layout, const std::string& organisation) {
    for (int number = 1;; ++number) {
        const auto name = fmt::format("node{}.{}", number, organisation);
        if (!fs::exists(layout.organisation_folder(organisation) / fmt::format("node{}", number))) return name;
    }
}

Result<const NodePlace*> find_node(const Layout& layout, const std::string& name) {
    const auto found = std::ranges::find(layout.nodes, name, &NodePlace::name);
    if (found == layout.nodes.end()) return fail("not_found", "this network has no node " + name);
    return &*found;
}

Result<ConfigChanges> joining(const Layout& layout, const NodePlace& node) {
    ConfigChanges changes;
    const auto folder = layout.organisation_folder(node.organisation);
    const auto known = std::ranges::any_of(layout.nodes, [&](const NodePlace& other) {
        return other.organisation == node.organisation && other.name != node.name;
    });
    if (!known) {
        FS_ASSIGN(const auto custodian, SigningKey::load(folder / "custodian.key"));
        changes.organisations.push_back(folder / "ca" / "ca.pem");
        changes.custodian_keys[node.organisation] = base::to_hex(custodian.public_key().compressed());
    }
    changes.nodes.push_back({.certificate = node.folder / "node.pem",
                             .peer_address = fmt::format("{}:{}", node.peer_host, node.peer_port),
                             .gateway_address = fmt::format("127.0.0.1:{}", node.gateway_port)});
    return changes;
}

}  // namespace

Result<std::string> add_node(const fs::path& dir, const std::string& organisation, const Progress& progress) {
    FS_TRY(identity::msp::check_name(organisation));
    FS_ASSIGN(auto network, running_network(dir));
    auto topology = network.layout.topology;
    const auto name = next_name(network.layout, organisation);
    topology.added.push_back({name, organisation});
    auto layout = Layout::plan(dir, topology);
    if (!load_ports(layout)) FS_TRY(assign_node_ports(layout, name));
    FS_ASSIGN(const auto* node, find_node(layout, name));
    progress("making keys and certificates of " + name);
    FS_TRY(provision_node(layout, *node));
    FS_ASSIGN(const auto changes, joining(layout, *node));
    FS_TRY(commit_change(network.layout, changes, progress));
    FS_TRY(write_configs(layout));
    FS_TRY(topology.save(dir));
    ::kill(network.supervisor, SIGHUP);  // starts it
    FS_TRY(wait_until_ready(dir, kReadyWithin));
    return name;
}

Status remove_node(const fs::path& dir, const std::string& name, const Progress& progress) {
    FS_ASSIGN(auto network, running_network(dir));
    FS_ASSIGN(const auto* node, find_node(network.layout, name));
    ConfigChanges changes;
    const auto nodes = std::ranges::count(network.layout.nodes, node->organisation, &NodePlace::organisation);
    if (nodes == 1)
        changes.removed_organisations.push_back(node->organisation);
    else
        changes.removed_nodes.push_back(name);
    FS_TRY(commit_change(network.layout, changes, progress));
    auto topology = network.layout.topology;
    topology.removed.push_back(name);
    FS_TRY(topology.save(dir));
    auto layout = network.layout;
    layout.topology = topology;
    std::erase_if(layout.nodes, [&](const NodePlace& place) { return place.name == name; });
    FS_TRY(save_ports(layout));
    FS_TRY(write_configs(layout));
    ::kill(network.supervisor, SIGHUP);  // stops it
    return wait_until_ready(dir, kReadyWithin);
}

Status renew_node(const fs::path& dir, const std::string& name) {
    FS_ASSIGN(const auto topology, Topology::load(dir));
    const auto layout = Layout::plan(dir, topology);
    FS_ASSIGN(const auto* node, find_node(layout, name));
    return renew_node_certificate(layout, *node);
}

Status new_node_key(const fs::path& dir, const std::string& name, const Progress& progress) {
    FS_ASSIGN(auto network, running_network(dir));
    FS_ASSIGN(const auto* node, find_node(network.layout, name));
    const base::FileDescriptor log(::open((node->folder / "data" / "votes.log").c_str(), O_RDONLY | O_CLOEXEC));
    if (log && ::flock(log.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("in_use", name + " is running: its key is replaced while it does not");
    for (const auto* file : {"node.key", "node.pem"}) {
        std::error_code absent;  // a second attempt
        fs::rename(node->folder / file, node->folder / (std::string(file) + ".old"), absent);
    }
    FS_TRY(provision_node(network.layout, *node));
    ConfigChanges changes;
    changes.nodes.push_back({.certificate = node->folder / "node.pem", .peer_address = {}, .gateway_address = {}});
    FS_TRY(commit_change(network.layout, changes, progress));
    auto topology = network.layout.topology;
    if (!node->joined) topology.added.push_back({node->name, node->organisation});
    FS_TRY(topology.save(dir));
    auto layout = Layout::plan(dir, topology);
    FS_TRY(load_ports(layout));
    return write_configs(layout);
}

Status renew_custodian(const fs::path& dir, const std::string& organisation, const Progress& progress) {
    FS_ASSIGN(auto network, running_network(dir));
    const auto folder = network.layout.organisation_folder(organisation);
    if (!fs::exists(folder / "custodian.key"))
        return fail("not_found", "this network has no organisation " + organisation);
    const auto fresh = SigningKey::generate();
    FS_TRY(fresh.save(folder / fmt::format("custodian-{}.key", other_custodian_keys(folder).size() + 1)));
    FS_TRY(write_configs(network.layout));  // the nodes see it within seconds
    ConfigChanges changes;
    changes.custodian_keys[organisation] = base::to_hex(fresh.public_key().compressed());
    return commit_change(network.layout, changes, progress);
}

}  // namespace fairstream::network
