#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/temporary_folder.hpp"

/// A network of real processes in a folder of its own, driven through the command line as a user would.
namespace fairstream::tests {

namespace fs = std::filesystem;

inline std::string read_all(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

inline void write_all(const fs::path& file, const std::string& contents) {
    std::ofstream(file, std::ios::binary) << contents;
}

/// The same bytes for the same seed; no run of them repeats.
inline std::string noise(std::size_t bytes, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string out(bytes, '\0');
    for (auto& byte : out) byte = static_cast<char>(random());
    return out;
}

/// Waits for a condition; fails the test if it does not come true in time.
template <typename Condition>
void wait_until(const std::string& what, Condition condition, std::chrono::seconds within = std::chrono::seconds(60)) {
    if (!eventually(condition, within)) FAIL("did not come true in time: " << what);
}

struct Ran {
    int exit_code = -1;
    std::string out, err;
    boost::json::value json() const { return boost::json::parse(out); }
    std::string text(const char* key) const { return std::string(json().at(key).as_string()); }
};

class Consortium {
public:
    Consortium() = default;
    ~Consortium() { run({"network", "down"}); }
    Consortium(const Consortium&) = delete;
    Consortium& operator=(const Consortium&) = delete;

    const fs::path& dir() const { return folder_.path(); }
    fs::path file(const std::string& name) const { return folder_ / name; }

    /// `fairstream ARGUMENTS --network D --json`.
    Ran run(std::vector<std::string> arguments) const { return wait_for(spawn(std::move(arguments))); }

    /// The same, expected to succeed.
    Ran ok(const std::vector<std::string>& arguments) const {
        auto ran = run(arguments);
        INFO("arguments: " << arguments.front() << " " << (arguments.size() > 1 ? arguments[1] : ""));
        INFO("stderr: " << ran.err);
        REQUIRE(ran.exit_code == 0);
        return ran;
    }

    /// A run of the program that the test goes on beside.
    struct Background {
        pid_t pid;
        fs::path out, err;
    };
    Background spawn(std::vector<std::string> arguments, int standard_input = -1) const {
        static std::atomic<int> count = 0;  // several threads may run programs
        const auto number = std::to_string(++count);
        Background run{.pid = -1, .out = folder_ / ("out-" + number), .err = folder_ / ("err-" + number)};
        arguments.insert(arguments.begin(), FS_BINARY_DIR "/bin/fairstream");
        arguments.insert(arguments.end(), {"--network", (folder_ / "net").string(), "--json"});
        std::vector<char*> raw;
        for (auto& argument : arguments) raw.push_back(argument.data());
        raw.push_back(nullptr);
        run.pid = ::fork();
        if (run.pid == 0) {
            if (standard_input >= 0) ::dup2(standard_input, STDIN_FILENO);
            ::dup2(::open(run.out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDOUT_FILENO);
            ::dup2(::open(run.err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
            ::execv(raw[0], raw.data());
            ::_exit(127);
        }
        return run;
    }
    static Ran wait_for(const Background& background) {
        int status = 0;
        ::waitpid(background.pid, &status, 0);
        return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                .out = read_all(background.out),
                .err = read_all(background.err)};
    }

    void up(std::vector<std::string> shape = {}) const {
        shape.insert(shape.begin(), {"network", "up"});
        ok(shape);
    }

    /// A verified, registered seller under this name; its DID.
    std::string seller(const std::string& name) const {
        const auto did = ok({"id", "new", name}).text("did");
        const auto credential = file(name + ".vc");
        write_all(credential, ok({"credential", "issue", "--as", "issuer1", "--subject", did}).text("credential"));
        ok({"register", "seller", "--as", name, "--credential", credential.string()});
        return did;
    }
    /// A registered client with money; its DID.
    std::string client(const std::string& name) const {
        const auto did = ok({"id", "new", name}).text("did");
        ok({"register", "client", "--as", name});
        ok({"wallet", "faucet", "100000000", "--as", name});
        return did;
    }
    std::string offer(const std::string& seller, const std::string& topic, const std::string& price_micro) const {
        return ok({"offer", "create", "--as", seller, "--topic", topic, "--mode", "one-off", "--price", price_micro})
            .text("offer");
    }
    std::int64_t balance(const std::string& account) const {
        return ok({"wallet", "balance", account}).json().at("balance_micro").as_int64();
    }
    void check_conserved() const { CHECK(ok({"wallet", "audit"}).json().at("conserved").as_bool()); }

    /// The port that `network up` gave to a part of a process: port("node1.org1", "peer").
    std::uint16_t port(const std::string& process, const std::string& part) const {
        std::ifstream file(folder_.path() / "net" / "run" / "ports.yaml");
        const auto key = process + "." + part + ": ";
        for (std::string line; std::getline(file, line);)
            if (line.starts_with(key)) return static_cast<std::uint16_t>(std::stoi(line.substr(key.size())));
        FAIL("no port of " << key);
        return 0;
    }

    /// SIGKILL to a node, operator or broker, by its name in `network status`; waits until it is gone.
    void kill_process(const std::string& group, const std::string& name, const char* pid_key = "pid") const {
        const auto status = ok({"network", "status"}).json();
        for (const auto& process : status.at(group).as_array()) {
            if (process.at("name").as_string() != name) continue;
            const auto pid = static_cast<pid_t>(process.at(pid_key).as_int64());
            REQUIRE(pid > 1);
            REQUIRE(::kill(pid, SIGKILL) == 0);
            wait_until(name + " is gone", [&] { return ::kill(pid, 0) != 0; });
            return;
        }
        FAIL("no process " << name);
    }

private:
    TemporaryFolder folder_;
};

}  // namespace fairstream::tests
