#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace fairstream::mqtt_bridge::client {

struct MqttOptions {
    std::string url;  // mqtts://host:port
    std::string client_id;
    std::string authentication_method;  // empty: none
    Bytes authentication_data;
    std::string trusted_roots;  // PEM; the broker's certificate must carry the URL's host
    std::chrono::seconds keep_alive{10};
    std::chrono::milliseconds timeout{10'000};  // of connect and subscribe
    std::size_t max_pending = 256;              // published and not yet acknowledged
};

struct MqttMessage {
    std::string topic;
    Bytes payload;
    std::string response_topic;
    Bytes correlation;
};

struct PublishOptions {
    int qos = 1;
    std::string response_topic = {};
    Bytes correlation = {};
};

/// One MQTT 5 connection over TLS, by Paho, whose exceptions end here. A lost connection stays lost: make another, with
/// a new proof. Handlers run on Paho's thread: they hand over and return.
class MqttSession {
public:
    struct Handlers {
        std::function<void(MqttMessage)> on_message;
        std::function<void(const std::string& why)> on_lost;
    };

    /// Blocking. Errors: bad_url, connect_failed, refused (the broker said no: bad proof, expired session).
    static Result<std::unique_ptr<MqttSession>> connect(const MqttOptions& options, Handlers handlers);
    ~MqttSession();  // says goodbye, at most half a second
    MqttSession(const MqttSession&) = delete;
    MqttSession& operator=(const MqttSession&) = delete;

    /// Blocking, QoS 1. Errors: refused (a filter was), not_connected.
    Status subscribe(const std::vector<std::string>& filters);
    /// Hands over and returns. Errors: busy (max_pending reached: later), not_connected.
    Status publish(const std::string& topic, ByteView payload, const PublishOptions& options = {});
    bool connected() const;

private:
    struct Impl;
    explicit MqttSession(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::mqtt_bridge::client
