#include "benchmarks/ledger_network.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <random>

#include "base/file.hpp"
#include "benchmarks/ledger_contract.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/snapshot/genesis.hpp"
#include "network/provision.hpp"

namespace fairstream::benchmarks {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kGrace = 20s;

Result<fs::path> make_folder(const fs::path& parent) {
    auto pattern = ((parent.empty() ? fs::temp_directory_path() : parent) / "fairstream-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return fail("io_error", "cannot make a folder like " + pattern);
    return fs::path(pattern);
}

/// As `du` counts: blocks in use, of files that may vanish while this looks.
std::size_t disk_bytes(const fs::path& folder) {
    std::size_t bytes = 0;
    std::error_code gone;
    for (fs::recursive_directory_iterator entry(folder, gone), end; !gone && entry != end; entry.increment(gone)) {
        struct stat status {};
        if (::stat(entry->path().c_str(), &status) == 0) bytes += static_cast<std::size_t>(status.st_blocks) * 512;
    }
    return bytes;
}

/// The figure after `label` in /proc/<pid>/status, in KiB.
std::size_t status_kib(pid_t pid, std::string_view label) {
    std::ifstream in(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(label)) return std::strtoul(line.c_str() + label.size(), nullptr, 10);
    return 0;
}

std::chrono::microseconds cpu_of(pid_t pid) {
    std::ifstream in(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(in, line);
    // Fields after the name in brackets, from the third (state) on; user and system time are the 14th and 15th.
    std::istringstream fields(line.substr(std::min(line.rfind(')') + 1, line.size())));
    std::string skipped;
    for (int i = 3; i < 14; ++i) fields >> skipped;
    std::int64_t user = 0, system = 0;
    fields >> user >> system;
    return std::chrono::microseconds((user + system) * 1'000'000 / ::sysconf(_SC_CLK_TCK));
}

std::string tail_of(const fs::path& log) {
    const auto text = base::read_file(log);
    if (!text) return {};
    constexpr std::size_t kShown = 500;
    return std::string(as_text(*text)).substr(text->size() > kShown ? text->size() - kShown : 0);
}

}  // namespace

Result<std::unique_ptr<LedgerNetwork>> LedgerNetwork::make(const fs::path& parent, std::uint32_t nodes,
                                                           const Preload& preload) {
    FS_ASSIGN(const auto dir, make_folder(parent));
    network::Topology topology;
    topology.name = "fairstream-bench";
    topology.organisations = nodes;
    topology.nodes_per_org = 1;
    topology.operators = 0;
    auto layout = network::Layout::plan(dir, topology);
    auto network = std::unique_ptr<LedgerNetwork>(new LedgerNetwork(std::move(layout), {}));
    fs::create_directories(network->layout_.run_folder());
    FS_TRY(network::provision(network->layout_));
    FS_TRY(network::provision_dapp(network->layout_));
    FS_TRY(network::assign_ports(network->layout_));
    FS_TRY(network::write_configs(network->layout_));
    if (preload.keys > 0) FS_TRY(network->preload(preload));
    FS_ASSIGN(const auto roots, base::read_file(network->layout_.public_folder() / "roots.pem"));
    network->roots_ = base::to_string(roots);
    return network;
}

/// A snapshot of height 0, named by the genesis config, as for any channel that begins with a state.
Status LedgerNetwork::preload(const Preload& what) {
    const auto folder = layout_.dir / "genesis-snapshot";
    std::mt19937_64 random(what.keys);
    FS_ASSIGN(const auto snapshot,
              ledger::snapshot::write_genesis(folder, layout_.topology.name, what.keys, [&](std::uint64_t index) {
                  Bytes value;
                  while (value.size() < what.value_bytes) base::append_u64(value, random());
                  value.resize(what.value_bytes);
                  return ledger::snapshot::GenesisEntry{kContract, key_of(index), std::move(value)};
              }));
    FS_ASSIGN(const auto bytes, base::read_file(layout_.public_folder() / "genesis.bin"));
    FS_ASSIGN(auto genesis, ledger::proto::decode<ledger::proto::ChannelConfig>(bytes));
    genesis.set_genesis_snapshot(ledger::proto::as_field(snapshot.name));
    const auto changed = ledger::proto::encode(genesis);
    for (const auto& organisation : layout_.organisations)
        FS_TRY(base::write_file(layout_.organisation_folder(organisation) / "genesis.bin", changed));
    for (const auto& node : layout_.nodes) {
        FS_ASSIGN(auto config, base::read_file(node.folder / "node.yaml"));
        append(config, as_bytes("genesis_snapshot: " + folder.string() + "\n"));
        FS_TRY(base::write_file(node.folder / "node.yaml", config));
    }
    return {};
}

LedgerNetwork::~LedgerNetwork() {
    network::stop_all(children_, kGrace);
    std::error_code ignored;
    fs::remove_all(layout_.dir, ignored);
}

Status LedgerNetwork::start() {
    for (const auto& node : layout_.nodes) {
        const auto program = network::program_folder() / "fairstream-bench-node";
        auto& child = children_.emplace_back(
            network::Child{.name = node.name,
                           .command = {program.string(), "--config", (node.folder / "node.yaml").string()},
                           .log = layout_.run_folder() / (node.name + ".log"),
                           .end = {}});
        FS_TRY(network::start(child));
    }
    return {};
}

Status LedgerNetwork::stop() {
    network::reap(children_);
    for (const auto& child : children_)
        if (child.pid == -1)
            return fail("node_died", fmt::format("{} {}: {}", child.name, child.end, tail_of(child.log)));
    network::stop_all(children_, kGrace);
    return {};
}

ledger::client::Options LedgerNetwork::gateway(std::size_t index) const {
    const auto& node = layout_.nodes[index];
    return {.channel = layout_.topology.name,
            .gateways = {{.address = {.host = "127.0.0.1", .port = node.gateway_port}, .server_name = node.name}},
            .trusted_roots = roots_};
}

std::chrono::microseconds LedgerNetwork::cpu_time() const {
    std::chrono::microseconds total{0};
    for (const auto& child : children_)
        if (child.pid > 0) total += cpu_of(child.pid);
    return total;
}

std::size_t LedgerNetwork::rss_bytes_max() const {
    std::size_t most = 0;
    for (const auto& child : children_)
        if (child.pid > 0) most = std::max(most, status_kib(child.pid, "VmHWM:") * 1024);
    return most;
}

std::size_t LedgerNetwork::disk_bytes_max() const {
    std::size_t most = 0;
    for (const auto& node : layout_.nodes) most = std::max(most, disk_bytes(node.folder / "data"));
    return most;
}

Result<std::uint64_t> LedgerNetwork::verifications() const {
    std::uint64_t total = 0;
    for (const auto& node : layout_.nodes) {
        FS_ASSIGN(const auto text, base::read_file(node.folder / "data" / "verifications"));
        std::uint64_t count = 0;
        std::from_chars(as_text(text).data(), as_text(text).data() + text.size(), count);
        total += count;
    }
    return total;
}

}  // namespace fairstream::benchmarks
