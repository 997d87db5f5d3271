#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "network/topology.hpp"

/// Starting, watching and stopping a whole consortium on one machine (`fairstream network up|down|status`).
namespace fairstream::network {

/// What the caller of `up` sees as the start goes on, one line a step.
using Progress = std::function<void(const std::string&)>;

struct UpOptions {
    std::filesystem::path dir;
    Topology topology;  // for a new folder; an existing one must agree where `shape_given`
    bool shape_given = false;
};

/// Starts the network and returns when it is ready, leaving a detached supervisor that holds none of the caller's
/// streams. On a running network it starts again what has died. A failed start ends every child first.
/// Errors: start_failed (with the last lines of the log that tell why), shape_differs, not_found (mosquitto).
Status up(const UpOptions& options, const Progress& progress);

/// Ends every process of the network; its data stay. Error: not_running.
Status down(const std::filesystem::path& dir);

/// The hidden `network supervise` verb: the supervisor's own main. Progress and the verdict go to `report_fd`.
int supervise(const std::filesystem::path& dir, int report_fd);

}  // namespace fairstream::network
