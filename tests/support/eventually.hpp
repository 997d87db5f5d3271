#pragma once

#include <chrono>
#include <thread>

namespace fairstream::tests {

/// How long a test waits for what must come: only a failure takes so long. A shared machine stalls for many seconds.
constexpr std::chrono::seconds kPatience{120};

/// Waits until `condition` holds; false if it does not within `deadline`. Use: REQUIRE(eventually([&] { ... })).
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds deadline = kPatience) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace fairstream::tests
