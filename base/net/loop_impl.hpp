#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/net/loop.hpp"

namespace fairstream::base::net {

/// What base/net's own sources see of a Loop. Whatever uses it must be gone before the Loop goes.
struct Loop::Impl {
    std::atomic<bool> closed{false};  // nothing is posted any more
    std::atomic<std::thread::id> loop_thread{};
    std::mutex timers_mutex;
    TimerId next_timer = 1;
    // Declared after what its pending handlers may touch when they are destroyed with it.
    boost::asio::io_context io{1};
    std::unordered_map<TimerId, std::unique_ptr<boost::asio::steady_timer>> timers;
    std::optional<boost::asio::signal_set> signals;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
    std::atomic<bool> started{false};  // start() gave it a thread of its own
    std::mutex join_mutex;
    std::thread thread;
};

}  // namespace fairstream::base::net
