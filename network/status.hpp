#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/net/loop.hpp"
#include "base/result.hpp"
#include "ledger/client/client.hpp"
#include "network/topology.hpp"

namespace fairstream::network {

/// One process of the network, asked over its own port.
struct ProcessStatus {
    std::string name;
    std::string organisation;
    std::string role;          // "node", "operator", "broker", "dapp", "postgres"
    pid_t pid = 0;             // 0: not running
    std::string state;         // "ready", "starting", "down"
    std::string why;           // when not ready
    std::string address;       // gateway, https, mqtts, or the folder of a socket
    std::uint64_t height = 0;  // of a node's ledger
    std::filesystem::path log;
};

struct NetworkStatus {
    std::string network;
    bool running = false;
    std::vector<ProcessStatus> processes;

    bool ready() const;
    boost::json::object to_json() const;
    std::string to_text() const;
};

/// Asks every process. Error: not_found (no network in that folder).
Result<NetworkStatus> network_status(const std::filesystem::path& dir);

/// Asks again until all are ready. Error: start_failed, naming who is not.
Status wait_until_ready(const std::filesystem::path& dir, std::chrono::seconds within);

/// Keeps its connections between questions; for the supervisor's start.
class ReadinessProbe {
public:
    explicit ReadinessProbe(const Layout& layout);
    ~ReadinessProbe();
    /// Names of those that are not ready yet, or nothing.
    std::string not_ready(bool services_too);

    struct Impl;

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::network
