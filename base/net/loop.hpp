#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace fairstream::base::net {

/// The one I/O thread of a process: sockets, timers, and what others post to it. Handlers run on it, one at a time.
/// Servers and clients made on a Loop must be gone before it. What is still queued when it goes is dropped, not run.
class Loop {
public:
    using TimerId = std::uint64_t;

    Loop();
    ~Loop();  // stops and joins
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void start();  // runs on a thread of its own
    void run();    // runs on the calling thread until stop()
    void
    stop();  // from any thread; from another one it returns once start()'s thread has ended, in no handler any more
    bool on_loop_thread() const;
    bool running() const;  // started and not stopped

    /// From any thread.
    void post(std::function<void()> job);
    TimerId after(std::chrono::microseconds delay, std::function<void()> job);
    void cancel(TimerId timer);

    /// SIGINT and SIGTERM, once: for main().
    void on_termination(std::function<void()> handler);

    struct Impl;
    Impl& impl() { return *impl_; }

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::base::net
