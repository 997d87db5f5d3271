#include "network/postgres.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/file.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxSocketPathBytes = 107;  // of the kernel
constexpr auto kInitWithin = 60s;

/// PostgreSQL refuses to run as root. So it runs as nobody, with leave to walk through root's folders to its own: that
/// works also where user namespaces are forbidden, as in many containers.
std::vector<std::string> as_ordinary_user(std::vector<std::string> command) {
    if (::getuid() != 0) return command;
    command.insert(command.begin(), {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                     "--inh-caps=+dac_override", "--ambient-caps=+dac_override"});
    return command;
}

int version_of(const fs::path& folder) {
    const auto name = folder.filename().string();
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    return version;
}

}  // namespace

Result<fs::path> find_postgres() {
    std::error_code error;
    fs::path newest;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
        const auto programs = entry.path() / "bin";
        if (::access((programs / "postgres").c_str(), X_OK) != 0 || ::access((programs / "initdb").c_str(), X_OK) != 0)
            continue;
        if (newest.empty() || version_of(entry.path()) > version_of(newest.parent_path())) newest = programs;
    }
    if (newest.empty()) return fail("not_found", "no PostgreSQL server on this machine: `apt-get install postgresql`");
    return newest;
}

Status check_place(const PostgresPlace& place) {
    const auto socket = place.socket_folder / ".s.PGSQL.5432";
    if (socket.string().size() <= kMaxSocketPathBytes) return {};
    return fail("path_too_long",
                socket.string() + " has more than 107 bytes, which no Unix socket can have: use a shorter folder");
}

Status make_database(const PostgresPlace& place, const fs::path& programs) {
    if (fs::exists(place.data / "PG_VERSION")) return {};
    // Made beside its place and moved there when whole: a start that was interrupted leaves nothing half made.
    const auto making = fs::path(place.data.string() + ".new");
    fs::remove_all(making);
    std::vector<Child> initdb{{.name = "initdb",
                               .command = as_ordinary_user({programs / "initdb", "-D", making, "-U", kPostgresUser,
                                                            "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"}),
                               .log = place.log,
                               .end = {}}};
    FS_TRY(start(initdb.front()));
    const auto deadline = std::chrono::steady_clock::now() + kInitWithin;
    while (initdb.front().pid > 0 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(10ms);
        reap(initdb);
    }
    stop_all(initdb, 0ms);
    if (initdb.front().end != kEndedWell)
        return fail("start_failed", fmt::format("initdb {}; see {}", initdb.front().end, place.log.string()));
    fs::rename(making, place.data);
    return {};
}

Child postgres_child(const PostgresPlace& place, const fs::path& programs, const std::string& name) {
    std::vector<std::string> command{programs / "postgres", "-D", place.data, "-k", place.socket_folder};
    for (const auto* setting : {"listen_addresses=", "shared_buffers=64MB", "max_connections=64",
                                "unix_socket_permissions=0700", "log_min_messages=warning", "jit=off"}) {
        command.emplace_back("-c");
        command.emplace_back(setting);
    }
    return {.name = name,
            .command = as_ordinary_user(std::move(command)),
            .log = place.log,
            .stop_signal = SIGINT,
            .end = {}};
}

std::string connection_string(const PostgresPlace& place) {
    // libpq's quoting: ' and \ are escaped by a backslash.
    std::string host;
    for (const char c : place.socket_folder.string()) {
        if (c == '\'' || c == '\\') host += '\\';
        host += c;
    }
    return fmt::format("host='{}' user={} dbname=postgres connect_timeout=5 application_name=fairstream-dapp", host,
                       kPostgresUser);
}

}  // namespace fairstream::network
