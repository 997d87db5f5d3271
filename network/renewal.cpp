#include "network/renewal.hpp"

#include <signal.h>

#include <algorithm>

#include "network/provision.hpp"
#include "network/status.hpp"

namespace fairstream::network {

namespace {

Status tell_broker(const std::filesystem::path& dir, const std::string& name) {
    FS_ASSIGN(const auto now, network_status(dir));
    const auto broker = std::ranges::find(now.processes, name + ".broker", &ProcessStatus::name);
    if (broker != now.processes.end() && broker->pid > 1) ::kill(broker->pid, SIGHUP);
    return {};
}

}  // namespace

Status renew_service(const std::filesystem::path& dir, const std::string& name) {
    FS_ASSIGN(const auto topology, Topology::load(dir));
    const auto layout = Layout::plan(dir, topology);
    if (name == layout.dapp.name)
        return renew_tls_certificate(layout, layout.dapp.organisation, name, layout.dapp.folder);
    const auto storage = std::ranges::find(layout.operators, name, &OperatorPlace::name);
    if (storage == layout.operators.end())
        return fail("not_found",
                    "this network has no operator " + name + ", nor is that the DApp's name, " + layout.dapp.name);
    FS_TRY(renew_tls_certificate(layout, storage->organisation, name, storage->folder));
    return tell_broker(dir, name);
}

}  // namespace fairstream::network
