#pragma once

#include <chrono>
#include <thread>

namespace fairstream::tests {

/// Waits until `condition` holds; false if it does not within `deadline`. Use: REQUIRE(eventually([&] { ... })).
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace fairstream::tests
