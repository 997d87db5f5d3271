#include "base/crash_point.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>

namespace fairstream::base {

namespace {

std::atomic<bool> armed{false};
std::mutex mutex;
std::string armed_name;
unsigned passings_left = 0;

bool arm_from_environment() {
    const char* const wanted = std::getenv("FAIRSTREAM_CRASH_AT");
    if (wanted == nullptr) return false;
    const std::string text = wanted;
    const auto colon = text.find(':');
    const auto passing = colon == std::string::npos ? 1 : std::strtoul(text.c_str() + colon + 1, nullptr, 10);
    arm_crash_point(text.substr(0, colon), static_cast<unsigned>(passing));
    return true;
}

}  // namespace

void crash_point(std::string_view name) {
    static const bool looked = arm_from_environment();
    static_cast<void>(looked);
    if (!armed.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex);
    if (name == armed_name && passings_left > 0 && --passings_left == 0) ::_exit(kCrashExitCode);
}

void arm_crash_point(std::string name, unsigned passing) {
    const std::lock_guard lock(mutex);
    armed = !name.empty();
    armed_name = std::move(name);
    passings_left = passing;
}

}  // namespace fairstream::base
