#include "network/supervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <thread>

#include "base/file.hpp"
#include "base/log.hpp"
#include "network/bootstrap.hpp"
#include "network/process.hpp"
#include "network/provision.hpp"
#include "network/status.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kReadyWithin = 60s;
constexpr auto kStartAgainAfter = 5s;
constexpr auto kStopWithin = 10s;
constexpr std::string_view kReady = "READY";
constexpr std::string_view kFailed = "FAILED ";

fs::path lock_file(const fs::path& dir) {
    return dir / "run" / "supervisor.pid";
}

/// Nodes first: operators ask them who may store what.
std::vector<Child> plan_nodes(const Layout& layout) {
    std::vector<Child> children;
    for (const auto& node : layout.nodes)
        children.push_back({.name = node.name,
                            .command = {program_folder() / "fairstream-node", "--config", node.folder / "node.yaml"},
                            .log = node.folder / "log.txt",
                            .end = {}});
    return children;
}

Result<std::vector<Child>> plan_operators(const Layout& layout) {
    std::vector<Child> children;
    if (layout.operators.empty()) return children;
    FS_ASSIGN(const auto mosquitto, find_program("mosquitto"));
    for (const auto& storage : layout.operators) {
        children.push_back(
            {.name = storage.name,
             .command = {program_folder() / "fairstream-operator", "--config", storage.folder / "operator.yaml"},
             .log = storage.folder / "log.txt",
             .end = {}});
        children.push_back({.name = storage.name + ".broker",
                            .command = {mosquitto, "-c", storage.folder / "mosquitto.conf"},
                            .log = storage.folder / "broker-log.txt",
                            .end = {}});
    }
    return children;
}

Child plan_dapp(const DappPlace& dapp) {
    return {.name = dapp.name,
            .command = {program_folder() / "fairstream-dapp", "--config", dapp.folder / "dapp.yaml"},
            .log = dapp.folder / "log.txt",
            .end = {}};
}

/// One run of the supervisor: owns the children from the first start until all have ended.
class Supervisor {
public:
    Supervisor(Layout layout, int report_fd) : layout_(std::move(layout)), report_fd_(report_fd) {}
    ~Supervisor() { stop_all(children_, kStopWithin); }

    Status bring_up() {
        FS_ASSIGN(auto services, plan_operators(layout_));
        FS_ASSIGN(const auto postgres, find_postgres());
        const auto& dapp = layout_.dapp;
        // The database is made while the ledger starts.
        auto database = std::async(std::launch::async, [&] { return make_database(dapp.postgres(), postgres); });
        FS_TRY(start_group(plan_nodes(layout_), "ledger nodes"));
        FS_TRY(bootstrap(layout_, [this](const std::string& line) { report(line); }));
        FS_TRY(database.get());
        services.push_back(postgres_child(dapp.postgres(), postgres, dapp.postgres_name()));
        services.push_back(plan_dapp(dapp));
        return start_group(std::move(services), "processes of storage operators, DApp and PostgreSQL");
    }

    void report(std::string_view line) {
        base::log_info("{}", line);
        if (report_fd_ < 0) return;
        const auto text = std::string(line) + "\n";
        if (::write(report_fd_, text.data(), text.size()) < 0) close_report();  // the caller has gone: go on without it
    }

    void close_report() {
        if (report_fd_ >= 0) ::close(report_fd_);
        report_fd_ = -1;
    }

    /// Until SIGTERM or SIGINT. SIGHUP starts again what has died.
    void watch(int signals) {
        for (;;) {
            pollfd waiting{.fd = signals, .events = POLLIN, .revents = 0};
            ::poll(&waiting, 1, -1);
            signalfd_siginfo info{};
            if (::read(signals, &info, sizeof info) != sizeof info) continue;
            if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) return;
            reap(children_);
            if (info.ssi_signo == SIGHUP) follow_topology();
            if (info.ssi_signo == SIGHUP) restart_dead();
            write_processes();
        }
    }

private:
    Status start_group(std::vector<Child> group, const std::string& what) {
        report(fmt::format("starting {} {}", group.size(), what));
        const auto first = children_.size();
        for (auto& child : group) {
            children_.push_back(std::move(child));
            FS_TRY(start(children_.back()));
        }
        write_processes();
        return wait_ready(first);
    }

    Status wait_ready(std::size_t first) {
        const auto deadline = std::chrono::steady_clock::now() + kReadyWithin;
        ReadinessProbe probe(layout_);
        for (;;) {
            reap(children_);
            for (auto child = children_.begin() + static_cast<std::ptrdiff_t>(first); child != children_.end(); ++child)
                if (child->pid < 0)
                    return fail("start_failed", fmt::format("{} {}; its log says:\n{}", child->name, child->end,
                                                            last_lines(child->log, 8)));
            const auto waiting = probe.not_ready(/*services_too=*/first > 0);
            if (waiting.empty()) return {};
            if (std::chrono::steady_clock::now() > deadline)
                return fail("start_failed", fmt::format("not ready within {} s: {}", kReadyWithin.count(), waiting));
            std::this_thread::sleep_for(20ms);
        }
    }

    /// Nodes that have joined since are started with those that have died, removed ones are stopped.
    void follow_topology() {
        const auto topology = Topology::load(layout_.dir);
        if (!topology) return base::log_error("{}", topology.error().message);
        auto layout = Layout::plan(layout_.dir, *topology);
        if (auto loaded = load_ports(layout); !loaded) return base::log_error("{}", loaded.error().message);
        const auto has = [](const std::vector<NodePlace>& nodes, const std::string& name) {
            return std::ranges::find(nodes, name, &NodePlace::name) != nodes.end();
        };
        std::vector<Child> removed;
        std::erase_if(children_, [&](Child& child) {
            const bool gone = has(layout_.nodes, child.name) && !has(layout.nodes, child.name);
            if (gone) removed.push_back(std::move(child));
            return gone;
        });
        stop_all(removed, kStopWithin);
        for (auto& child : plan_nodes(layout))
            if (!has(layout_.nodes, child.name)) children_.push_back(std::move(child));
        layout_ = std::move(layout);
    }

    void restart_dead() {
        for (auto& child : children_)
            if (child.pid < 0)
                if (auto started = start(child); !started) base::log_error("{}", started.error().message);
    }

    /// run/processes.yaml: name, pid and, of the dead, how they ended. `status` reads it.
    void write_processes() {
        std::string text = "processes:\n";
        for (const auto& child : children_)
            text += fmt::format("  - name: {}\n    pid: {}\n    log: {}\n    end: \"{}\"\n", child.name,
                                std::max(child.pid, 0), child.log.string(), child.end);
        if (auto written = base::write_file(layout_.run_folder() / "processes.yaml", as_bytes(text)); !written)
            base::log_error("{}", written.error().message);
    }

    Layout layout_;
    int report_fd_;
    std::vector<Child> children_;
};

int block_signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&wanted, signal);
    ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    return ::signalfd(-1, &wanted, SFD_CLOEXEC);
}

/// Starts `fairstream network supervise`, detached: a session of its own, none of our streams.
Result<int> spawn_supervisor(const fs::path& dir) {
    int report[2];
    if (::pipe(report) != 0) return fail("start_failed", std::strerror(errno));
    const auto log = dir / "run" / "supervisor.log";
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setsid();
        if (::fork() != 0) ::_exit(0);
        const int null = ::open("/dev/null", O_RDWR);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0640);
        ::dup2(null, STDIN_FILENO);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        ::dup2(report[1], 3);
        ::close_range(4, ~0U, 0);
        const auto program = program_folder() / "fairstream";
        ::execl(program.c_str(), program.c_str(), "network", "supervise", "--dir", dir.c_str(), "--report-fd", "3",
                nullptr);
        ::_exit(127);
    }
    ::close(report[1]);
    if (pid < 0) {
        ::close(report[0]);
        return fail("start_failed", std::strerror(errno));
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return report[0];
}

/// Reads the supervisor's lines until its verdict.
Status follow(int report, const Progress& progress) {
    base::FileDescriptor in(report);
    std::string pending;
    char chunk[4096];
    for (;;) {
        const auto got = ::read(in.get(), chunk, sizeof chunk);
        if (got <= 0) break;
        pending.append(chunk, static_cast<std::size_t>(got));
        if (pending.starts_with(kFailed)) continue;  // may have several lines: up to the end
        for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
            const auto line = pending.substr(0, end);
            if (line == kReady) return {};
            if (line.starts_with(kFailed)) break;
            progress(line);
        }
    }
    if (pending.starts_with(kFailed)) return fail("start_failed", pending.substr(kFailed.size()));
    return fail("start_failed", "the supervisor ended unexpectedly; see run/supervisor.log");
}

/// A network keeps its shape for life.
Status check_shape(const Topology& known, const UpOptions& options) {
    const auto& asked = options.topology;
    if (!options.shape_given || (known.organisations == asked.organisations &&
                                 known.nodes_per_org == asked.nodes_per_org && known.operators == asked.operators))
        return {};
    return fail("shape_differs",
                fmt::format("{} holds a network of {} organisations, {} nodes each, {} operators; use another "
                            "folder for another shape",
                            options.dir.string(), known.organisations, known.nodes_per_org, known.operators));
}

/// Makes the network's files where there are none yet.
Status prepare_folder(const UpOptions& options, const Progress& progress) {
    auto known = Topology::load(options.dir);
    if (known) return check_shape(*known, options);
    if (known.error().code != "not_found") return fail(known.error());
    std::error_code error;
    fs::create_directories(options.dir / "run", error);
    if (error) return fail("io_error", fmt::format("cannot make {}: {}", options.dir.string(), error.message()));
    progress("making keys, certificates and the genesis file");
    return provision(Layout::plan(options.dir, options.topology));
}

}  // namespace

Status up(const UpOptions& options, const Progress& progress) {
    FS_TRY(prepare_folder(options, progress));
    if (const auto pid = RunLock::holder(lock_file(options.dir))) {
        // Starts again what has died, and once more what ended at once: a killed PostgreSQL's children hold its memory
        // until they hear of its death.
        const auto deadline = std::chrono::steady_clock::now() + kReadyWithin;
        for (;;) {
            ::kill(*pid, SIGHUP);
            auto ready = wait_until_ready(options.dir, kStartAgainAfter);
            if (ready || std::chrono::steady_clock::now() > deadline) return ready;
        }
    }
    FS_ASSIGN(const int report, spawn_supervisor(options.dir));
    return follow(report, progress);
}

Status down(const fs::path& dir) {
    const auto pid = RunLock::holder(lock_file(dir));
    if (!pid) return fail("not_running", "no network runs in " + dir.string());
    ::kill(*pid, SIGTERM);
    while (RunLock::holder(lock_file(dir))) std::this_thread::sleep_for(10ms);
    return {};
}

int supervise(const fs::path& dir, int report_fd) {
    base::init_log("supervisor");
    ::fcntl(report_fd, F_SETFD, FD_CLOEXEC);
    const int signals = block_signals();
    auto lock = RunLock::take(lock_file(dir));
    auto topology = Topology::load(dir);
    auto prepared = [&]() -> Result<Layout> {
        if (!lock) return fail(lock.error());
        if (!topology) return fail(topology.error());
        auto layout = Layout::plan(dir, *topology);
        FS_TRY(assign_ports(layout));
        FS_TRY(provision_dapp(layout));
        FS_TRY(write_configs(layout));
        return layout;
    }();
    if (!prepared) {
        ::dprintf(report_fd, "%s%s\n", std::string(kFailed).c_str(), prepared.error().message.c_str());
        return 1;
    }
    Supervisor supervisor(std::move(*prepared), report_fd);
    if (auto ready = supervisor.bring_up(); !ready) {
        supervisor.report(std::string(kFailed) + ready.error().message);
        return 1;
    }
    supervisor.report(kReady);
    supervisor.close_report();
    supervisor.watch(signals);
    return 0;
}

}  // namespace fairstream::network
