#pragma once

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/net/loop.hpp"
#include "base/net/tls.hpp"
#include "base/result.hpp"

/// What the mains of the long-running programs share.
namespace fairstream::network {

struct ProgramArguments {
    std::filesystem::path config;
    bool check_only = false;  // --check: read the config, say whether it is right, and end
};

/// --config FILE, --check, --help, --version. Nothing (and the exit code in `exit_code`) if the program has already
/// answered.
std::optional<ProgramArguments> parse_arguments(int argc, char** argv, const std::string& what_it_is, int& exit_code);

void report_failure(const Error& error);

/// The main of a program: reads its config, which fails with exit code 2, and runs it.
template <typename Load, typename Run>
int run_program(int argc, char** argv, const std::string& what_it_is, Load load, Run run) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit (`ulimit -f`) is a failed write, like a full disk
    base::init_log(std::filesystem::path(argv[0]).filename().string());
    int exit_code = 0;
    const auto arguments = parse_arguments(argc, argv, what_it_is, exit_code);
    if (!arguments) return exit_code;
    auto config = load(arguments->config);
    if (!config) {
        report_failure(config.error());
        return 2;
    }
    if (arguments->check_only) {
        std::puts("the config is right");
        return 0;
    }
    return run(std::move(*config));
}

/// Runs `job` on the thread of the loop, which must run, and waits for it.
void run_on(base::net::Loop& loop, const std::function<void()>& job);

/// Paths in a config are relative to its file.
std::filesystem::path beside(const std::filesystem::path& config_file, const std::string& path);
Result<std::string> read_pem(const std::filesystem::path& file);

/// Waits for SIGINT or SIGTERM, or for `fail` to be called from any thread; the exit code.
class Termination {
public:
    explicit Termination(base::net::Loop& loop);
    ~Termination();
    void fail(const std::string& why);
    int wait();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::network
