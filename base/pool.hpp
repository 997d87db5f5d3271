#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fairstream::base {

/// A few threads for signatures and hashing. The queue is bounded: `post` answers false when it is full, and the caller
/// pushes back on whoever sent the work.
class Pool {
public:
    explicit Pool(std::size_t threads, std::size_t max_queued = 65'536);
    ~Pool();  // finishes what is queued
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    [[nodiscard]] bool post(std::function<void()> job);

private:
    void run();

    const std::size_t max_queued_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> jobs_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace fairstream::base
