#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "marketplace_dapp/client/actor.hpp"

namespace fairstream::network {

/// What the demo prints, and whether all of it held.
class DemoReport {
public:
    void step(const std::string& title) { std::printf("\n== %s\n", title.c_str()); }
    void say(const std::string& line) {
        std::printf("   %s\n", line.c_str());
        std::fflush(stdout);
    }
    void proved(bool held, const std::string& what) {
        std::printf("   %s %s\n", held ? "[held]  " : "[FAILED]", what.c_str());
        std::fflush(stdout);
        if (!held && first_failure_.empty()) first_failure_ = what;
    }
    /// A refusal is a success here: `result` must be an error with one of `codes`.
    template <typename T>
    void refused(const std::string& what, const Result<T>& result, std::initializer_list<std::string_view> codes) {
        if (result) return proved(false, what + ": was NOT refused");
        const bool expected = std::find(codes.begin(), codes.end(), result.error().code) != codes.end();
        proved(expected, fmt::format("{}: refused, {} ({})", what, result.error().message, result.error().code));
    }
    void times(const std::vector<marketplace_dapp::client::StepTime>& steps) {
        steps_.insert(steps_.end(), steps.begin(), steps.end());
    }
    void table_of_times() {
        step("Times");
        for (const auto& step : steps_)
            say(fmt::format("{:<40} {:>9.1f} ms", step.step, static_cast<double>(step.took.count()) / 1e3));
    }
    Status verdict() const {
        if (first_failure_.empty()) return {};
        return fail("demo_failed", "did not hold: " + first_failure_);
    }

private:
    std::string first_failure_;
    std::vector<marketplace_dapp::client::StepTime> steps_;
};

}  // namespace fairstream::network
