#include "benchmarks/at_once.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace fairstream::benchmarks {

Status at_once(std::uint32_t count, std::uint32_t threads, const std::function<Status(std::uint32_t)>& job) {
    std::atomic<std::uint32_t> next{0};
    std::mutex mutex;
    Status first_error;
    std::vector<std::thread> all;
    for (std::uint32_t n = 0; n < std::min(threads, count); ++n)
        all.emplace_back([&] {
            for (std::uint32_t i; (i = next++) < count;) {
                auto done = job(i);
                if (done) continue;
                const std::lock_guard lock(mutex);
                if (first_error) first_error = std::move(done);
                next = count;
            }
        });
    for (auto& thread : all) thread.join();
    return first_error;
}

}  // namespace fairstream::benchmarks
