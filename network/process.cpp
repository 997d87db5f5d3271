#include "network/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>

#include "base/file.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// Runs in the child, between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* arguments, int log, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);  // the supervisor died before the line above
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::close_range(3, ~0U, 0);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(arguments[0], arguments);
    ::_exit(127);
}

std::string describe_end(int status) {
    if (WIFSIGNALED(status)) return fmt::format("ended by signal {}", WTERMSIG(status));
    return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

}  // namespace

Status start(Child& child) {
    const int log = ::open(child.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log < 0)
        return fail("start_failed", fmt::format("cannot write {}: {}", child.log.string(), std::strerror(errno)));
    std::vector<char*> arguments;
    for (auto& argument : child.command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become(arguments.data(), log, parent);
    ::close(log);
    if (pid < 0) return fail("start_failed", fmt::format("cannot start {}: {}", child.name, std::strerror(errno)));
    child.pid = pid;
    child.end.clear();
    return {};
}

void reap(std::vector<Child>& children) {
    for (auto& child : children) {
        int status = 0;
        if (child.pid <= 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
        child.pid = -1;
        child.end = describe_end(status);
    }
}

void stop_all(std::vector<Child>& children, std::chrono::milliseconds grace) {
    const auto signal_all = [&](int signal) {
        for (const auto& child : children)
            if (child.pid > 0) ::kill(child.pid, signal);
    };
    const auto any_left = [&] {
        reap(children);
        return std::any_of(children.begin(), children.end(), [](const Child& child) { return child.pid > 0; });
    };
    signal_all(SIGCONT);  // a stopped process cannot end itself
    for (const auto& child : children)
        if (child.pid > 0) ::kill(child.pid, child.stop_signal);
    const auto deadline = std::chrono::steady_clock::now() + grace;
    while (any_left() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
    signal_all(SIGKILL);
    while (any_left()) std::this_thread::sleep_for(5ms);
}

fs::path program_folder() {
    std::error_code error;
    return fs::read_symlink("/proc/self/exe", error).parent_path();
}

Result<fs::path> find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(std::string(path ? path : "") + ":/usr/sbin:/usr/local/sbin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        const auto file = fs::path(folder) / name;
        if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
    }
    return fail("not_found", fmt::format("no program '{0}' on this machine: `apt-get install {0}`", name));
}

std::string last_lines(const fs::path& file, std::size_t count) {
    auto contents = base::read_file(file);
    if (!contents) return {};
    std::string_view text = as_text(*contents);
    std::size_t from = text.size();
    for (std::size_t i = 0; i <= count && from != std::string_view::npos && from > 0; ++i)
        from = text.rfind('\n', from - 1);
    return std::string(from == std::string_view::npos || from == 0 ? text : text.substr(from + 1));
}

Result<RunLock> RunLock::take(const fs::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return fail("io_error", fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return fail("already_running", "this network is running already");
    }
    const auto pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        ::close(fd);
        return fail("io_error", fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
    }
    return RunLock(fd);
}

std::optional<pid_t> RunLock::holder(const fs::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    char text[32] = {};
    const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
    const auto got = ::pread(fd, text, sizeof text - 1, 0);
    ::close(fd);
    if (!held || got <= 0) return std::nullopt;
    return static_cast<pid_t>(std::strtol(text, nullptr, 10));
}

RunLock::RunLock(RunLock&& other) noexcept : fd_(other.fd_) {
    other.fd_ = -1;
}

RunLock::~RunLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace fairstream::network
