#include "mqtt_bridge/client/mqtt_session.hpp"

#include <mqtt/async_client.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "base/assert.hpp"
#include "base/file.hpp"

namespace fairstream::mqtt_bridge::client {

namespace {

constexpr int kRefused = 0x80;  // MQTT 5 reason codes from here on are errors

/// Paho takes trusted roots only as the name of a file: an anonymous one, gone with its descriptor.
Result<base::FileDescriptor> roots_file(const std::string& pem) {
    base::FileDescriptor fd(::memfd_create("fairstream-roots", MFD_CLOEXEC));
    if (!fd) return fail("io_error", "cannot make an anonymous file for the trusted roots");
    FS_TRY(base::write_all(fd.get(), as_bytes(pem), 0));
    return fd;
}

std::string text_property(const mqtt::properties& from, mqtt::property::code code) {
    return from.contains(code) ? mqtt::get<std::string>(from, code) : std::string();
}

MqttMessage taken(const mqtt::const_message_ptr& message) {
    MqttMessage out;
    out.topic = message->get_topic();
    out.payload = to_bytes(std::string_view(message->get_payload_str()));
    const auto& properties = message->get_properties();
    out.response_topic = text_property(properties, mqtt::property::RESPONSE_TOPIC);
    if (properties.contains(mqtt::property::CORRELATION_DATA))
        out.correlation = to_bytes(mqtt::get<mqtt::binary>(properties, mqtt::property::CORRELATION_DATA));
    return out;
}

/// Paho's own names: ssl:// for MQTT over TLS.
Result<std::string> paho_url(const std::string& url) {
    constexpr std::string_view kScheme = "mqtts://";
    if (!url.starts_with(kScheme) || url.size() == kScheme.size())
        return fail("bad_url", "'" + url.substr(0, 128) + "' is not like mqtts://host:port");
    return "ssl://" + url.substr(kScheme.size());
}

}  // namespace

struct MqttSession::Impl : mqtt::callback, mqtt::iaction_listener {
    Impl(const std::string& url, const MqttOptions& options, Handlers to, base::FileDescriptor roots_fd)
        : handlers(std::move(to)),
          roots(std::move(roots_fd)),
          timeout(options.timeout),
          max_pending(options.max_pending),
          client(url, options.client_id, mqtt::create_options(MQTTVERSION_5)) {}

    void connection_lost(const std::string& cause) override {
        if (!lost.exchange(true) && handlers.on_lost) handlers.on_lost(cause.empty() ? "connection lost" : cause);
    }
    void message_arrived(mqtt::const_message_ptr message) override {
        try {
            if (handlers.on_message) handlers.on_message(taken(message));
        } catch (const mqtt::exception&) {  // a property of another type than it must be: not a message of ours
        }
    }
    void on_success(const mqtt::token&) override { --pending; }
    void on_failure(const mqtt::token&) override { --pending; }

    Handlers handlers;
    base::FileDescriptor roots;
    std::chrono::milliseconds timeout;
    std::size_t max_pending;
    std::atomic<std::size_t> pending{0};
    std::atomic<bool> lost{false};
    mqtt::async_client client;
};

MqttSession::MqttSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MqttSession::~MqttSession() {
    impl_->lost = true;
    try {
        if (impl_->client.is_connected()) impl_->client.disconnect(100)->wait_for(std::chrono::milliseconds(500));
        impl_->client.disable_callbacks();
    } catch (const mqtt::exception&) {  // it was gone already
    }
}

Result<std::unique_ptr<MqttSession>> MqttSession::connect(const MqttOptions& options, Handlers handlers) {
    FS_ASSIGN(const std::string url, paho_url(options.url));
    FS_ASSIGN(auto roots, roots_file(options.trusted_roots));
    try {
        mqtt::ssl_options tls;
        tls.set_trust_store("/proc/self/fd/" + std::to_string(roots.get()));
        tls.set_enable_server_cert_auth(true);
        tls.set_verify(true);
        std::unique_ptr<MqttSession> session(
            new MqttSession(std::make_unique<Impl>(url, options, std::move(handlers), std::move(roots))));
        Impl& impl = *session->impl_;
        impl.client.set_callback(impl);
        mqtt::connect_options connect;  // not its builder, which loses the properties
        connect.set_mqtt_version(MQTTVERSION_5);
        connect.set_clean_start(true);
        connect.set_keep_alive_interval(options.keep_alive);
        // It counts whole seconds; the wait below is what bounds it.
        connect.set_connect_timeout(std::chrono::ceil<std::chrono::seconds>(options.timeout));
        connect.set_max_inflight(static_cast<int>(options.max_pending));
        connect.set_ssl(tls);
        mqtt::properties properties;
        if (!options.authentication_method.empty()) {
            properties.add({mqtt::property::AUTHENTICATION_METHOD, options.authentication_method});
            properties.add({mqtt::property::AUTHENTICATION_DATA, base::to_string(options.authentication_data)});
        }
        connect.set_properties(properties);
        const auto token = impl.client.connect(connect);
        if (!token->wait_for(options.timeout)) return fail("connect_failed", options.url + ": no answer in time");
        return session;
    } catch (const mqtt::exception& error) {
        const int reason = error.get_reason_code();
        const bool refused = reason >= kRefused || (error.get_return_code() > 0 && error.get_return_code() <= 5);
        return fail(refused ? "refused" : "connect_failed", options.url + ": " + error.what());
    }
}

Status MqttSession::subscribe(const std::vector<std::string>& filters) {
    try {
        for (const std::string& filter : filters) {
            const auto token = impl_->client.subscribe(filter, /*qos=*/1);
            if (!token->wait_for(impl_->timeout)) return fail("not_connected", "no answer to a subscription");
            const auto response = token->get_subscribe_response();
            for (const auto code : response.get_reason_codes())
                if (code >= kRefused) return fail("refused", "the broker refused the subscription to " + filter);
        }
        return {};
    } catch (const mqtt::exception& error) {
        return fail(error.get_reason_code() >= kRefused ? "refused" : "not_connected", error.what());
    }
}

Status MqttSession::publish(const std::string& topic, ByteView payload, const PublishOptions& options) {
    if (!connected()) return fail("not_connected", "the connection to the broker is gone");
    if (impl_->pending >= impl_->max_pending) return fail("busy", "too many messages wait for the broker");
    try {
        auto message = mqtt::make_message(topic, payload.data(), payload.size(), options.qos, /*retained=*/false);
        mqtt::properties properties;
        if (!options.response_topic.empty()) properties.add({mqtt::property::RESPONSE_TOPIC, options.response_topic});
        if (!options.correlation.empty())
            properties.add({mqtt::property::CORRELATION_DATA, base::to_string(options.correlation)});
        message->set_properties(properties);
        ++impl_->pending;
        impl_->client.publish(message, nullptr, *impl_);
        return {};
    } catch (const mqtt::exception& error) {
        --impl_->pending;
        return fail("not_connected", error.what());
    }
}

bool MqttSession::connected() const {
    return !impl_->lost && impl_->client.is_connected();
}

}  // namespace fairstream::mqtt_bridge::client
