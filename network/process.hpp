#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace fairstream::network {

/// One program started by the supervisor. It dies with the supervisor, writes to its own log file and inherits nothing
/// else.
struct Child {
    std::string name;
    std::vector<std::string> command;  // absolute path first
    std::filesystem::path log;
    int stop_signal = SIGTERM;  // what asks it to end
    pid_t pid = -1;             // -1: not running
    std::string end;            // how it ended, once it has
};

/// `end` of a program that did what it was started for.
inline constexpr char kEndedWell[] = "ended with exit code 0";

/// Starts `child`; output is appended to its log. Errors: start_failed.
Status start(Child& child);

/// Collects children that have ended, without waiting; sets pid to -1 and `end`.
void reap(std::vector<Child>& children);

/// Its stop signal to each, all at once, SIGKILL to those that remain after `grace`; returns when none is left.
void stop_all(std::vector<Child>& children, std::chrono::milliseconds grace);

/// The folder that this program was started from, where its siblings lie.
std::filesystem::path program_folder();
/// Finds a program in PATH, /usr/sbin or /usr/local/sbin. Error: not_found, with how to install it.
Result<std::filesystem::path> find_program(const std::string& name);

/// The last lines of a log, at most `count`; empty if it cannot be read.
std::string last_lines(const std::filesystem::path& file, std::size_t count);

/// A lock file that says "this process runs", for as long as it does, however it ends.
class RunLock {
public:
    /// Error: already_running.
    static Result<RunLock> take(const std::filesystem::path& file);
    /// The pid of the holder, or nothing if no process holds the lock.
    static std::optional<pid_t> holder(const std::filesystem::path& file);

    RunLock(RunLock&& other) noexcept;
    RunLock& operator=(RunLock&&) = delete;
    ~RunLock();

private:
    explicit RunLock(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace fairstream::network
