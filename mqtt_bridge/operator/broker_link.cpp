#include "mqtt_bridge/operator/broker_link.hpp"

#include <algorithm>
#include <atomic>

#include "base/log.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

using client::MqttMessage;
using client::MqttSession;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kFirstRetry = 200ms;
constexpr std::chrono::milliseconds kSlowestRetry = 5s;
constexpr std::chrono::microseconds kRefreshRetry = 10s;
constexpr std::size_t kMaxQueuedBytes = 128u << 20;  // received, waiting for the loop; beyond: dropped and sent again

}  // namespace

struct BrokerLink::Impl : std::enable_shared_from_this<BrokerLink::Impl> {
    Impl(base::net::Loop& on, base::Pool& in, std::string called, Steps how, Events tell)
        : loop(on), pool(in), name(std::move(called)), steps(std::move(how)), events(std::move(tell)) {}

    void open() {
        if (closed) return;
        auto opening = steps.prepare();
        if (!opening) return failed(opening.error());
        const std::uint64_t number = ++generation;
        const bool posted = pool.post([self = shared_from_this(), number, job = std::move(*opening)] {
            auto opened = std::make_shared<Result<Opened>>(job(self->handlers(number)));
            self->loop.post([self, number, opened] { self->opened(number, std::move(*opened)); });
        });
        if (!posted) failed({"busy", "the pool is full"});
    }

    MqttSession::Handlers handlers(std::uint64_t number) {
        const std::weak_ptr<Impl> weak = weak_from_this();
        return {.on_message =
                    [weak](MqttMessage message) {
                        const auto self = weak.lock();
                        const std::size_t size = message.payload.size();
                        if (!self || self->queued + size > kMaxQueuedBytes) return;
                        self->queued += size;
                        self->loop.post([self, size, taken = std::make_shared<MqttMessage>(std::move(message))] {
                            self->queued -= size;
                            if (!self->closed) self->events.on_message(std::move(*taken));
                        });
                    },
                .on_lost =
                    [weak, number](const std::string& why) {
                        const auto self = weak.lock();
                        if (self) self->loop.post([self, number, why] { self->lost(number, why); });
                    }};
    }

    void opened(std::uint64_t number, Result<Opened> result) {
        if (closed) return;
        if (number != generation) {
            if (result) release(std::move(result->session));
            return;
        }
        if (!result) return failed(result.error());
        base::log_debug("{}: connected", name);
        retry = kFirstRetry;
        const bool was_up = session != nullptr;
        release(std::move(session));
        session = std::move(result->session);
        current = number;
        schedule_refresh(result->refresh_at - base::wall_now());
        if (!session->connected()) return lost(number, "lost at once");
        if (!was_up && events.on_up) events.on_up();
    }

    void failed(const Error& error) {
        base::log_info("{}: cannot connect: {}: {}", name, error.code, error.message);
        after(retry, [](Impl& self) { self.open(); });
        retry = std::min<std::chrono::milliseconds>(retry * 2, kSlowestRetry);
    }

    void lost(std::uint64_t number, const std::string& why) {
        if (closed || number != current || !session) return;
        base::log_info("{}: lost: {}", name, why);
        release(std::move(session));
        if (events.on_down) events.on_down();
        loop.cancel(refresh_timer);
        if (generation == current) after(retry, [](Impl& self) { self.open(); });
    }

    void schedule_refresh(std::chrono::microseconds delay) {
        loop.cancel(refresh_timer);
        refresh_timer = after(std::max<std::chrono::microseconds>(delay, 100ms), [](Impl& self) { self.refresh(); });
    }

    void refresh() {
        if (!session) return;
        if (!steps.refresh) return open();
        const bool posted = pool.post([self = shared_from_this()] {
            auto until = std::make_shared<Result<TimePoint>>(self->steps.refresh());
            self->loop.post([self, until] {
                if (self->closed || !self->session) return;
                if (!*until) base::log_warn("{}: cannot renew: {}", self->name, until->error().message);
                self->schedule_refresh(*until ? **until - base::wall_now() : kRefreshRetry);
            });
        });
        if (!posted) schedule_refresh(kRefreshRetry);
    }

    template <typename Job>
    base::net::Loop::TimerId after(std::chrono::microseconds delay, Job job) {
        return loop.after(delay, [weak = weak_from_this(), job] {
            if (const auto self = weak.lock(); self && !self->closed) job(*self);
        });
    }

    /// Saying goodbye may block: not here.
    void release(std::unique_ptr<MqttSession> old) {
        if (!old) return;
        auto kept = std::make_shared<std::unique_ptr<MqttSession>>(std::move(old));
        (void)pool.post([kept] { kept->reset(); });
    }

    base::net::Loop& loop;
    base::Pool& pool;
    const std::string name;
    const Steps steps;
    const Events events;
    std::unique_ptr<MqttSession> session;
    std::uint64_t generation = 0;  // of the newest attempt
    std::uint64_t current = 0;     // of the session
    std::chrono::milliseconds retry = kFirstRetry;
    base::net::Loop::TimerId refresh_timer = 0;
    std::atomic<std::size_t> queued{0};
    std::atomic<bool> closed{false};
};

BrokerLink::BrokerLink(base::net::Loop& loop, base::Pool& pool, std::string name, Steps steps, Events events)
    : impl_(std::make_shared<Impl>(loop, pool, std::move(name), std::move(steps), std::move(events))) {
    loop.post([impl = impl_] { impl->open(); });
}

BrokerLink::~BrokerLink() {
    impl_->closed = true;
    impl_->session.reset();
}

bool BrokerLink::up() const {
    return impl_->session != nullptr;
}

Status BrokerLink::publish(const std::string& topic, ByteView payload, const client::PublishOptions& options) {
    if (!impl_->session) return fail("not_connected", impl_->name + ": not connected");
    return impl_->session->publish(topic, payload, options);
}

}  // namespace fairstream::mqtt_bridge::storage_operator
