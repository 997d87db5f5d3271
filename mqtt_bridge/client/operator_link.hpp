#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>

#include "base/net/http.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/client/endpoint.hpp"
#include "mqtt_bridge/client/mqtt_session.hpp"
#include "security_manager/client/session_client.hpp"

namespace fairstream::mqtt_bridge::client {

struct LinkOptions {
    OperatorEndpoint to;
    std::string network;
    std::string grant;
    identity::crypto::SigningKey holder;
    std::string trusted_roots;
    std::chrono::milliseconds timeout{10'000};
};

/// A grant holder's MQTT connection to one operator, for a caller that blocks: opens a session, proves the key at the
/// broker, subscribes to its inbox, and queues what arrives. One caller's thread.
class OperatorLink {
public:
    /// `topics` are subscribed to besides the inbox. Errors: those of open_session, MqttSession::connect, subscribe.
    static Result<std::unique_ptr<OperatorLink>> open(const LinkOptions& options, std::vector<std::string> topics);

    const std::string& inbox() const { return session_.inbox; }
    const security_manager::client::Session& session() const { return session_; }
    Status publish(const std::string& topic, ByteView payload, Bytes correlation = {});
    /// What has arrived; waits up to `wait` for the first. Empty: nothing came, or the connection is lost.
    std::vector<MqttMessage> take(std::chrono::milliseconds wait);
    bool lost() const;
    /// Proves the key again when half of the session's life is over, beside the caller, who hears of it at a later
    /// call. Errors: those of renew.
    Status keep_alive();

private:
    static constexpr std::size_t kMaxQueued = 4096;
    static constexpr std::size_t kMaxQueuedBytes = 64u << 20;
    struct Inbox {
        std::mutex mutex;
        std::condition_variable arrived;
        std::deque<MqttMessage> messages;
        std::size_t bytes = 0;
        bool lost = false;

        void add(MqttMessage message);
    };

    explicit OperatorLink(const LinkOptions& options) : options_(options), http_(options.trusted_roots) {}

    LinkOptions options_;
    base::net::HttpClient http_;
    security_manager::client::Session session_;
    TimePoint renew_at_{};
    std::future<Result<security_manager::client::Session>> renewing_;  // uses http_ meanwhile
    std::shared_ptr<Inbox> queue_ = std::make_shared<Inbox>();
    std::unique_ptr<MqttSession> mqtt_;
};

/// True if an operator's answer to a session or range request stands: another try, here or later, will not help.
bool is_final_refusal(const Error& error);
/// True if the operator answered, and said no (for now, perhaps).
bool is_refusal(const Error& error);

}  // namespace fairstream::mqtt_bridge::client
