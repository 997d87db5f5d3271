#include "base/net/loop.hpp"

#include <boost/asio/post.hpp>
#include <csignal>

#include "base/assert.hpp"
#include "base/net/loop_impl.hpp"

namespace fairstream::base::net {

Loop::Loop() : impl_(std::make_unique<Impl>()) {}

Loop::~Loop() {
    FS_ASSERT(!on_loop_thread());
    impl_->closed = true;
    stop();
    impl_->timers.clear();
}

void Loop::start() {
    FS_ASSERT(!impl_->thread.joinable());
    impl_->started = true;
    impl_->thread = std::thread([this] { run(); });
}

void Loop::run() {
    impl_->loop_thread = std::this_thread::get_id();
    impl_->io.run();
    impl_->loop_thread = std::thread::id();
}

void Loop::stop() {
    impl_->io.stop();
    if (on_loop_thread()) return;
    const std::lock_guard lock(impl_->join_mutex);
    if (impl_->thread.joinable()) impl_->thread.join();
}

bool Loop::on_loop_thread() const {
    return impl_->loop_thread.load() == std::this_thread::get_id();
}

bool Loop::running() const {
    return !impl_->io.stopped() && (impl_->started || impl_->loop_thread.load() != std::thread::id());
}

void Loop::post(std::function<void()> job) {
    if (impl_->closed) return;
    boost::asio::post(impl_->io, std::move(job));
}

Loop::TimerId Loop::after(std::chrono::microseconds delay, std::function<void()> job) {
    if (impl_->closed) return 0;
    const std::lock_guard lock(impl_->timers_mutex);
    const TimerId id = impl_->next_timer++;
    auto& timer = impl_->timers[id] = std::make_unique<boost::asio::steady_timer>(impl_->io, delay);
    timer->async_wait([impl = impl_.get(), id, job = std::move(job)](const boost::system::error_code& error) {
        {
            const std::lock_guard erase_lock(impl->timers_mutex);
            // A timer cancelled after it fired is gone from the map already: it must not run.
            if (impl->timers.erase(id) == 0) return;
        }
        if (!error) job();
    });
    return id;
}

void Loop::cancel(TimerId timer) {
    if (impl_->closed) return;
    const std::lock_guard lock(impl_->timers_mutex);
    impl_->timers.erase(timer);
}

void Loop::on_termination(std::function<void()> handler) {
    FS_ASSERT(!impl_->signals);
    impl_->signals.emplace(impl_->io, SIGINT, SIGTERM);
    impl_->signals->async_wait([handler = std::move(handler)](const boost::system::error_code& error, int) {
        if (!error) handler();
    });
}

}  // namespace fairstream::base::net
