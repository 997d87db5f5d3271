#pragma once

#include <string>
#include <string_view>

namespace fairstream::base {

/// A named place between two steps of writing something down. Does nothing, unless a test has armed it: then the
/// process ends here at once, as by SIGKILL. FAIRSTREAM_CRASH_AT=name arms one in a program, name:3 its third passing.
void crash_point(std::string_view name);

/// Arms a crash point of this process; the `passing`-th one (from 1) ends it. An empty name disarms.
void arm_crash_point(std::string name, unsigned passing = 1);

constexpr int kCrashExitCode = 137;

}  // namespace fairstream::base
