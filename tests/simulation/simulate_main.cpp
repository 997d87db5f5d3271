/// simulate [--seeds N] [--first S]: runs N seeds of whatever a seed brings. Each violation is a line with its seed and
/// the commit; the last line counts both.
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/simulation/harness/simulation.hpp"

namespace {

using namespace fairstream::tests;

unsigned long long running = 0;

std::string commit() {
    std::string out;
    std::array<char, 64> buffer{};
    if (FILE* const git = ::popen("git -C " FS_SOURCE_DIR " describe --always --dirty 2>/dev/null", "r")) {
        while (std::fgets(buffer.data(), buffer.size(), git) != nullptr) out += buffer.data();
        ::pclose(git);
    }
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out.empty() ? "unknown" : out;
}

/// An assertion stops the process: it says with which seed.
void on_abort(int) {
    std::printf("VIOLATION seed %llu: an assertion failed\n1 seeds, 1 violations\n", running);
    std::fflush(stdout);
    ::_exit(1);
}

unsigned long long argument(int argc, char** argv, const char* name, unsigned long long otherwise) {
    for (int i = 1; i + 1 < argc; ++i)
        if (std::strcmp(argv[i], name) == 0) return std::strtoull(argv[i + 1], nullptr, 10);
    return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    const auto seeds = argument(argc, argv, "--seeds", 2000), first = argument(argc, argv, "--first", 1);
    std::signal(SIGABRT, on_abort);
    unsigned long long violations = 0, heights = 0, messages = 0, conflicts = 0, changes = 0;
    std::map<std::string, int> crashes;
    for (running = first; running < first + seeds; ++running) {
        try {
            simulation::Simulation simulation(simulation::options_of(running));
            simulation.run();
            heights += simulation.height();
            messages += simulation.messages();
            conflicts += simulation.conflicts();
            changes += simulation.epoch() - 1;
            for (const auto& [where, count] : simulation.crashes()) crashes[where] += count;
        } catch (const std::exception& violation) {
            ++violations;
            std::printf("VIOLATION %s (commit %s)\n", violation.what(), commit().c_str());
        }
    }
    for (const auto& [where, count] : crashes) std::printf("crashed %s: %d\n", where.c_str(), count);
    std::printf("%llu blocks decided, %llu messages, %llu overtaken transactions, %llu config changes\n", heights,
                messages, conflicts, changes);
    std::printf("%llu seeds, %llu violations\n", seeds, violations);
    return violations == 0 ? 0 : 1;
}
