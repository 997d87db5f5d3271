#include "network/status.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <map>
#include <thread>

#include "base/config.hpp"
#include "base/net/http.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "network/process.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kProbeTimeout = 2s;
constexpr std::size_t kMaxProcesses = 256;
constexpr std::size_t kLastWords = 8;  // lines

struct Recorded {
    pid_t pid = 0;
    fs::path log;
    std::string end;
};

/// What the supervisor last wrote of its children.
std::map<std::string, Recorded> recorded_processes(const Layout& layout) {
    std::map<std::string, Recorded> found;
    auto config = base::Config::load(layout.run_folder() / "processes.yaml");
    if (!config) return found;
    for (auto& entry : config->sections("processes", kMaxProcesses))
        found[entry.text("name")] = {.pid = static_cast<pid_t>(entry.integer("pid", 0, 1u << 30)),
                                     .log = entry.text("log"),
                                     .end = entry.optional_text("end").value_or("")};
    return found;
}

/// How a process ended, and why if its last words name an error.
std::string how_it_ended(const Recorded& process) {
    if (process.pid > 0 || process.end.empty() || process.end == kEndedWell) return process.end;
    const auto said = last_lines(process.log, kLastWords);
    for (const std::string_view mark : {" error ", R"("level":"error")"}) {  // as base/log.hpp writes it
        const auto at = said.rfind(mark);
        if (at == std::string::npos) continue;
        return process.end + ": " + said.substr(at + mark.size(), said.find('\n', at) - at - mark.size());
    }
    return process.end;
}

Status healthy(base::net::HttpClient& client, std::uint16_t port) {
    FS_ASSIGN(const auto response,
              client.request("GET", fmt::format("https://127.0.0.1:{}/healthz", port), {}, "", kProbeTimeout));
    if (response.status != 200) return fail("not_ready", response.body.substr(0, 200));
    return {};
}

}  // namespace

struct ReadinessProbe::Impl {
    Layout layout;
    base::net::Loop loop;
    std::string roots;
    std::map<std::string, std::unique_ptr<ledger::client::Client>> nodes;
    std::unique_ptr<base::net::HttpClient> http;

    explicit Impl(const Layout& the_layout) : layout(the_layout) {
        loop.start();
        const auto profile = marketplace_dapp::client::Profile::load(layout.dir);
        if (!profile) return;
        http = std::make_unique<base::net::HttpClient>(profile->trusted_roots);
        for (const auto& gateway : profile->gateways) {
            auto options = profile->ledger_options();
            options.gateways = {gateway};
            options.call_timeout = kProbeTimeout;
            nodes[gateway.server_name] = std::make_unique<ledger::client::Client>(loop, std::move(options));
        }
    }

    Result<ledger::proto::InfoReply> ask(const NodePlace& node) {
        const auto found = nodes.find(node.name);
        if (found == nodes.end()) return fail("not_ready", "public/network.yaml does not name it");
        return found->second->info();
    }
    /// An operator or the DApp.
    Status ask_service(std::uint16_t https_port) {
        if (!http) return fail("not_ready", "public/network.yaml cannot be read");
        return healthy(*http, https_port);
    }
};

ReadinessProbe::ReadinessProbe(const Layout& layout) : impl_(std::make_unique<Impl>(layout)) {}
ReadinessProbe::~ReadinessProbe() = default;

std::string ReadinessProbe::not_ready(bool services_too) {
    std::string names;
    const auto add = [&](const std::string& name, const std::string& why) {
        names += (names.empty() ? "" : ", ") + name + " (" + why + ")";
    };
    for (const auto& node : impl_->layout.nodes)
        if (auto info = impl_->ask(node); !info) add(node.name, info.error().message);
    if (!services_too) return names;
    for (const auto& storage : impl_->layout.operators)
        if (auto answer = impl_->ask_service(storage.https_port); !answer) add(storage.name, answer.error().message);
    const auto& dapp = impl_->layout.dapp;
    if (auto answer = impl_->ask_service(dapp.https_port); !answer) add(dapp.name, answer.error().message);
    return names;
}

Result<NetworkStatus> network_status(const fs::path& dir) {
    auto topology = Topology::load(dir);
    if (!topology && topology.error().code == "not_found") return fail("not_found", "no network in " + dir.string());
    if (!topology) return fail(topology.error());
    auto layout = Layout::plan(dir, *topology);
    NetworkStatus all{.network = topology->name,
                      .running = RunLock::holder(layout.run_folder() / "supervisor.pid").has_value(),
                      .processes = {}};
    if (!load_ports(layout)) return all;
    const auto recorded = all.running ? recorded_processes(layout) : std::map<std::string, Recorded>{};
    const auto base_status = [&](const std::string& name, const std::string& organisation, const std::string& role,
                                 std::string address) {
        ProcessStatus process{.name = name,
                              .organisation = organisation,
                              .role = role,
                              .state = "down",
                              .why = {},
                              .address = std::move(address),
                              .log = {}};
        if (const auto found = recorded.find(name); found != recorded.end()) {
            process.pid = found->second.pid;
            process.log = found->second.log;
            process.why = how_it_ended(found->second);
            if (process.pid > 0) process.state = "ready";
        }
        return process;
    };
    ReadinessProbe::Impl probe(layout);
    for (const auto& node : layout.nodes) {
        auto process =
            base_status(node.name, node.organisation, "node", fmt::format("127.0.0.1:{}", node.gateway_port));
        if (process.pid > 0) {
            if (const auto info = probe.ask(node))
                process.height = info->height();
            else
                process.state = "starting", process.why = info.error().message;
        }
        all.processes.push_back(std::move(process));
    }
    for (const auto& storage : layout.operators) {
        auto process = base_status(storage.name, storage.organisation, "operator",
                                   fmt::format("https://127.0.0.1:{}", storage.https_port));
        if (process.pid > 0)
            if (const auto answer = probe.ask_service(storage.https_port); !answer)
                process.state = "starting", process.why = answer.error().message;
        all.processes.push_back(std::move(process));
        all.processes.push_back(base_status(storage.name + ".broker", storage.organisation, "broker",
                                            fmt::format("mqtts://127.0.0.1:{}", storage.mqtts_port)));
    }
    auto dapp = base_status(layout.dapp.name, layout.dapp.organisation, "dapp",
                            fmt::format("https://127.0.0.1:{}", layout.dapp.https_port));
    if (dapp.pid > 0)
        if (const auto answer = probe.ask_service(layout.dapp.https_port); !answer)
            dapp.state = "starting", dapp.why = answer.error().message;
    all.processes.push_back(std::move(dapp));
    all.processes.push_back(base_status(layout.dapp.postgres_name(), layout.dapp.organisation, "postgres",
                                        layout.dapp.postgres().socket_folder.string()));
    return all;
}

Status wait_until_ready(const fs::path& dir, std::chrono::seconds within) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    for (;;) {
        FS_ASSIGN(const auto now, network_status(dir));
        if (now.ready()) return {};
        if (std::chrono::steady_clock::now() > deadline) return fail("start_failed", "not ready:\n" + now.to_text());
        std::this_thread::sleep_for(50ms);
    }
}

bool NetworkStatus::ready() const {
    for (const auto& process : processes)
        if (process.state != "ready") return false;
    return running && !processes.empty();
}

boost::json::object NetworkStatus::to_json() const {
    boost::json::array nodes, operators;
    boost::json::object dapp, postgres;
    std::map<std::string, const ProcessStatus*> brokers;
    for (const auto& process : processes)
        if (process.role == "broker") brokers[process.name] = &process;
    for (const auto& process : processes) {
        boost::json::object entry{{"name", process.name},
                                  {"organisation", process.organisation},
                                  {"pid", process.pid},
                                  {"state", process.state},
                                  {"log", process.log.string()}};
        if (!process.why.empty()) entry["why"] = process.why;
        if (process.role == "node") {
            entry["gateway"] = process.address;
            entry["height"] = process.height;
            nodes.push_back(std::move(entry));
        } else if (process.role == "operator") {
            entry["https"] = process.address;
            if (const auto broker = brokers.find(process.name + ".broker"); broker != brokers.end()) {
                entry["mqtts"] = broker->second->address;
                entry["broker_pid"] = broker->second->pid;
                entry["broker_state"] = broker->second->state;
            }
            operators.push_back(std::move(entry));
        } else if (process.role == "dapp") {
            entry["url"] = process.address;
            dapp = std::move(entry);
        } else if (process.role == "postgres") {
            entry["socket_folder"] = process.address;
            postgres = std::move(entry);
        }
    }
    return {{"network", network},     {"running", running}, {"ready", ready()},    {"nodes", nodes},
            {"operators", operators}, {"dapp", dapp},       {"postgres", postgres}};
}

std::string NetworkStatus::to_text() const {
    std::string text = fmt::format("network {}: {}\n", network,
                                   !running  ? "not running"
                                   : ready() ? "ready"
                                             : "not ready");
    for (const auto& process : processes)
        text += fmt::format("  {:<14} {:<8} {:<9} {:>8} {:<28} {}{}\n", process.name, process.role, process.state,
                            process.pid > 0 ? std::to_string(process.pid) : "-", process.address,
                            process.role == "node" && process.pid > 0 ? fmt::format("height {} ", process.height) : "",
                            process.why);
    return text;
}

}  // namespace fairstream::network
