#pragma once

#include <memory>

#include "base/net/loop.hpp"

namespace fairstream::base::net {

/// The jobs and timers that one object has on a Loop: none of them runs once the scope is closed, so that they may
/// refer to the object freely.
class LoopScope {
public:
    explicit LoopScope(Loop& loop) : loop_(loop), open_(std::make_shared<bool>(true)) {}
    LoopScope(const LoopScope&) = delete;
    LoopScope& operator=(const LoopScope&) = delete;

    /// From any thread, while the object lives.
    void post(std::function<void()> job) { loop_.post(guarded(std::move(job))); }
    Loop::TimerId after(std::chrono::microseconds delay, std::function<void()> job) {
        return loop_.after(delay, guarded(std::move(job)));
    }
    void cancel(Loop::TimerId timer) { loop_.cancel(timer); }
    bool on_loop_thread() const { return loop_.on_loop_thread(); }

    /// On the loop thread, or when the loop has stopped.
    void close() { *open_ = false; }

private:
    std::function<void()> guarded(std::function<void()> job) {
        return [open = open_, run = std::move(job)] {
            if (*open) run();
        };
    }

    Loop& loop_;
    std::shared_ptr<bool> open_;  // read and written by the loop thread only
};

}  // namespace fairstream::base::net
