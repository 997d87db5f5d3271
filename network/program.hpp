#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

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
