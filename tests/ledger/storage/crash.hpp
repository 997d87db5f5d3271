#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>

#include "base/crash_point.hpp"

namespace fairstream::tests {

namespace crash_detail {

inline void expect_crash(pid_t child) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == base::kCrashExitCode);
}

}  // namespace crash_detail

/// Runs `work` in a forked child that dies at the named crash point, as by SIGKILL. Fails if it did not come there. Not
/// for what needs threads.
inline void crash_at(const std::string& point, unsigned passing, const std::function<void()>& work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        base::arm_crash_point(point, passing);
        try {
            work();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s: %s\n", point.c_str(), error.what());
        }
        ::_exit(1);
    }
    crash_detail::expect_crash(child);
}

/// The same for a (hidden) test case of this program, in a process of its own; it finds `folder` in the environment.
inline void crash_at(const std::string& point, unsigned passing, const std::string& test_case,
                     const std::filesystem::path& folder) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::setenv("FAIRSTREAM_CRASH_AT", (point + ":" + std::to_string(passing)).c_str(), 1);
        ::setenv("FAIRSTREAM_TEST_FOLDER", folder.c_str(), 1);
        ::execl("/proc/self/exe", "test", test_case.c_str(), static_cast<char*>(nullptr));
        ::_exit(1);
    }
    crash_detail::expect_crash(child);
}

}  // namespace fairstream::tests
