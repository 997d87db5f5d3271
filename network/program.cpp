#include "network/program.hpp"

#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <string_view>

#include "base/file.hpp"
#include "base/log.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;

std::optional<ProgramArguments> parse_arguments(int argc, char** argv, const std::string& what_it_is, int& exit_code) {
    ProgramArguments arguments;
    const auto program = fs::path(argv[0]).filename().string();
    const auto usage =
        "usage: " + program + " --config FILE [--check]\n\n" + what_it_is +
        "\n\n  --config FILE  its YAML config\n  --check        read the config, say whether it is right, and end\n"
        "\nExample:\n  " +
        program +
        " --config D/org1/node1/node.yaml\n"
        "\nFAIRSTREAM_LOG=debug|info|warn|error sets how much it says on standard error.\n";
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--help" || argument == "-h") {
            std::fputs(usage.c_str(), stdout);
            exit_code = 0;
            return std::nullopt;
        }
        if (argument == "--version") {
            std::printf("%s 0.1.0\n", program.c_str());
            exit_code = 0;
            return std::nullopt;
        }
        if (argument == "--check") {
            arguments.check_only = true;
        } else if (argument == "--config" && i + 1 < argc) {
            arguments.config = argv[++i];
        } else {
            std::fprintf(stderr, "%s: do not know '%s'\n%s", program.c_str(), argv[i], usage.c_str());
            exit_code = 2;
            return std::nullopt;
        }
    }
    if (!arguments.config.empty()) return arguments;
    std::fputs(usage.c_str(), stderr);
    exit_code = 2;
    return std::nullopt;
}

void report_failure(const Error& error) {
    base::log_error("{} ({})", error.message, error.code);
}

void run_on(base::net::Loop& loop, const std::function<void()>& job) {
    std::promise<void> done;
    loop.post([&] {
        job();
        done.set_value();
    });
    done.get_future().wait();
}

fs::path beside(const fs::path& config_file, const std::string& path) {
    return (fs::absolute(config_file).parent_path() / path).lexically_normal();
}

Result<std::string> read_pem(const fs::path& file) {
    FS_ASSIGN(const auto bytes, base::read_file(file, 1u << 20));
    return base::to_string(bytes);
}

struct Termination::Impl {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<int> exit_code;

    void end(int code) {
        std::lock_guard lock(mutex);
        if (!exit_code) exit_code = code;
        changed.notify_all();
    }
};

Termination::Termination(base::net::Loop& loop) : impl_(std::make_unique<Impl>()) {
    loop.on_termination([impl = impl_.get()] { impl->end(0); });
}

Termination::~Termination() = default;

void Termination::fail(const std::string& why) {
    base::log_error("{}", why);
    impl_->end(1);
}

int Termination::wait() {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait(lock, [this] { return impl_->exit_code.has_value(); });
    return *impl_->exit_code;
}

}  // namespace fairstream::network
