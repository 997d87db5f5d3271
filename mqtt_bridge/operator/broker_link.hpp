#pragma once

#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/net/loop.hpp"
#include "base/pool.hpp"
#include "mqtt_bridge/client/mqtt_session.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

/// A connection to a broker that comes back by itself: our own broker, or another operator's. Blocking work happens in
/// the pool, everything else on the loop thread.
class BrokerLink {
public:
    struct Opened {
        std::unique_ptr<client::MqttSession> session;
        TimePoint refresh_at;
    };
    using Open = std::function<Result<Opened>(client::MqttSession::Handlers)>;
    struct Steps {
        /// On the loop thread: what is to be done in the pool.
        std::function<Result<Open>()> prepare;
        /// In the pool, at `refresh_at`: makes the session live on, until the time it answers. Without it the link
        /// opens another connection at that time and leaves the old one.
        std::function<Result<TimePoint>()> refresh;
    };
    struct Events {  // on the loop thread
        std::function<void()> on_up;
        std::function<void()> on_down;
        std::function<void(client::MqttMessage)> on_message;
    };

    /// `loop` and `pool` must outlive what was started on them; `name` is for the log.
    BrokerLink(base::net::Loop& loop, base::Pool& pool, std::string name, Steps steps, Events events);
    ~BrokerLink();
    BrokerLink(const BrokerLink&) = delete;
    BrokerLink& operator=(const BrokerLink&) = delete;

    bool up() const;
    /// Errors: not_connected, busy.
    Status publish(const std::string& topic, ByteView payload, const client::PublishOptions& options = {});

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
