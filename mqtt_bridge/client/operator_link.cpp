#include "mqtt_bridge/client/operator_link.hpp"

#include <algorithm>
#include <array>

#include "security_manager/gate/connect_proof.hpp"

namespace fairstream::mqtt_bridge::client {

namespace sessions = security_manager::client;

void OperatorLink::Inbox::add(MqttMessage message) {
    bytes += message.payload.size();
    messages.push_back(std::move(message));
    while (messages.size() > kMaxQueued || bytes > kMaxQueuedBytes) {  // what matters is said, or asked for, again
        bytes -= messages.front().payload.size();
        messages.pop_front();
    }
}

Result<std::unique_ptr<OperatorLink>> OperatorLink::open(const LinkOptions& options, std::vector<std::string> topics) {
    std::unique_ptr<OperatorLink> link(new OperatorLink(options));
    const sessions::SessionRequest request{.https_url = options.to.https_url,
                                           .operator_name = options.to.name,
                                           .network = options.network,
                                           .grant = options.grant,
                                           .as_operator = {},
                                           .timeout = options.timeout};
    const TimePoint now = base::wall_now();
    FS_ASSIGN(link->session_, sessions::open_session(link->http_, request, options.holder, now));
    link->renew_at_ = now + (link->session_.expires - now) / 2;
    const auto queue = link->queue_;
    const MqttSession::Handlers handlers{.on_message =
                                             [queue](MqttMessage message) {
                                                 const std::lock_guard lock(queue->mutex);
                                                 queue->add(std::move(message));
                                                 queue->arrived.notify_one();
                                             },
                                         .on_lost =
                                             [queue](const std::string&) {
                                                 const std::lock_guard lock(queue->mutex);
                                                 queue->lost = true;
                                                 queue->arrived.notify_one();
                                             }};
    FS_ASSIGN(link->mqtt_, MqttSession::connect(
                               {.url = options.to.mqtt_url,
                                .client_id = link->session_.client_id,
                                .authentication_method = std::string(security_manager::gate::kAuthMethod),
                                .authentication_data = sessions::connect_authentication(link->session_, options.holder),
                                .trusted_roots = options.trusted_roots,
                                .timeout = options.timeout},
                               handlers));
    topics.push_back(link->session_.inbox);
    FS_TRY(link->mqtt_->subscribe(topics));
    return link;
}

Status OperatorLink::publish(const std::string& topic, ByteView payload, Bytes correlation) {
    return mqtt_->publish(topic, payload, {.response_topic = session_.inbox, .correlation = std::move(correlation)});
}

std::vector<MqttMessage> OperatorLink::take(std::chrono::milliseconds wait) {
    std::unique_lock lock(queue_->mutex);
    queue_->arrived.wait_for(lock, wait, [&] { return !queue_->messages.empty() || queue_->lost; });
    std::vector<MqttMessage> out(std::make_move_iterator(queue_->messages.begin()),
                                 std::make_move_iterator(queue_->messages.end()));
    queue_->messages.clear();
    queue_->bytes = 0;
    return out;
}

bool OperatorLink::lost() const {
    return !mqtt_->connected();
}

Status OperatorLink::keep_alive() {
    const TimePoint now = base::wall_now();
    if (!renewing_.valid()) {
        if (now < renew_at_) return {};
        renewing_ = std::async(std::launch::async, [this, session = session_]() mutable {
            const auto renewed = sessions::renew(http_, session, options_.holder, base::wall_now(), options_.timeout);
            return renewed ? Result<sessions::Session>(std::move(session)) : fail(renewed.error());
        });
    }
    if (renewing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return {};
    FS_ASSIGN(session_, renewing_.get());
    renew_at_ = now + (session_.expires - now) / 2;
    return {};
}

bool is_final_refusal(const Error& error) {
    constexpr std::array<std::string_view, 4> kFinal{"wrong_holder", "grant_revoked", "grant_expired", "not_covered"};
    return std::ranges::find(kFinal, error.code) != kFinal.end();
}

bool is_refusal(const Error& error) {
    constexpr std::array<std::string_view, 6> kRefusals{"unknown_grant", "grant_not_active", "grant_not_yet",
                                                        "not_my_grant",  "not_found",        "refused"};
    return is_final_refusal(error) || std::ranges::find(kRefusals, error.code) != kRefusals.end();
}

}  // namespace fairstream::mqtt_bridge::client
