#include "mqtt_bridge/client/frame_source.hpp"

#include <boost/json.hpp>

#include "base/encoding.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::mqtt_bridge::client {

namespace sessions = security_manager::client;
namespace json = boost::json;

namespace {

Status post(base::net::HttpClient& http, const sessions::Session& session, const Receipted& receipted,
            std::chrono::milliseconds timeout) {
    return sessions::post_receipt(http, session, as_bytes(receipted.receipt.receipt()),
                                  as_bytes(receipted.receipt.signature()), receipted.token_signature, timeout);
}

Result<chaincode::schema::SignedDeliveryReceipt> held_at(base::net::HttpClient& http, const sessions::Session& session,
                                                         std::chrono::milliseconds timeout) {
    FS_ASSIGN(const auto held, sessions::held_receipt(http, session, timeout));
    chaincode::schema::SignedDeliveryReceipt out;
    out.set_receipt(held.receipt);
    out.set_signature(held.signature);
    return out;
}

constexpr std::size_t kMaxAnswer = 16u << 20;

class HttpsSource : public FrameSource {
public:
    explicit HttpsSource(const ReaderOptions& options) : options_(options), http_(options.trusted_roots) {}

    Status open(const OperatorEndpoint& at) {
        FS_ASSIGN(session_, sessions::open_session(http_,
                                                   {.https_url = at.https_url,
                                                    .operator_name = at.name,
                                                    .network = options_.network,
                                                    .grant = options_.grant,
                                                    .as_operator = {},
                                                    .timeout = options_.timeout},
                                                   options_.holder, base::wall_now()));
        url_ =
            at.https_url + "/v1/streams/" + base::to_hex(identity::crypto::stream_hash(options_.stream_id)) + "/frames";
        renew_at_ = base::wall_now() + (session_.expires - base::wall_now()) / 2;
        return {};
    }

    Result<std::vector<Bytes>> fetch(std::uint64_t from, std::uint32_t limit) override {
        const TimePoint now = base::wall_now();
        if (now >= renew_at_) {
            FS_TRY(sessions::renew(http_, session_, options_.holder, now, options_.timeout));
            renew_at_ = now + (session_.expires - now) / 2;
        }
        const std::string query = "?from=" + std::to_string(from) + "&limit=" + std::to_string(limit);
        FS_ASSIGN(
            const auto answer,
            http_.request("GET", url_ + query, sessions::request_headers(session_, options_.holder, "GET", url_, now),
                          {}, options_.timeout, kMaxAnswer));
        if (answer.status != 200)
            return fail(base::net::problem_error(answer.body, "HTTP status " + std::to_string(answer.status)));
        return split_frames(as_bytes(answer.body));
    }

    Status hand_in(const Receipted& receipted) override { return post(http_, session_, receipted, options_.timeout); }
    Result<chaincode::schema::SignedDeliveryReceipt> held() override {
        return held_at(http_, session_, options_.timeout);
    }

private:
    const ReaderOptions& options_;
    base::net::HttpClient http_;
    sessions::Session session_;
    TimePoint renew_at_{};
    std::string url_;
};

class MqttSource : public FrameSource {
public:
    explicit MqttSource(const ReaderOptions& options)
        : options_(options),
          topic_(security_manager::gate::fetch_topic(identity::crypto::stream_hash(options.stream_id))) {}

    Status open(const OperatorEndpoint& at) {
        FS_ASSIGN(link_, open_link(options_, at, {}));
        return {};
    }

    Result<std::vector<Bytes>> fetch(std::uint64_t from, std::uint32_t limit) override {
        FS_TRY(link_->keep_alive());
        Bytes correlation;
        base::append_u64(correlation, ++counter_);
        FS_TRY(link_->publish(topic_, RangeRequest{from, limit}.encode(), correlation));
        const auto deadline = base::steady_now() + options_.timeout;
        while (base::steady_now() < deadline && !link_->lost()) {
            for (const MqttMessage& message : link_->take(std::chrono::milliseconds(100))) {
                if (message.correlation != correlation || message.payload.empty()) continue;
                const ByteView body = ByteView(message.payload).subspan(1);
                if (message.payload[0] != 0)
                    return fail(base::net::problem_error(as_text(body), "the range was refused"));
                return split_frames(body);
            }
        }
        return fail(link_->lost() ? "not_connected" : "timeout", "no answer to the range request");
    }

    Status hand_in(const Receipted& receipted) override {
        base::net::HttpClient http(options_.trusted_roots);
        return post(http, link_->session(), receipted, options_.timeout);
    }
    Result<chaincode::schema::SignedDeliveryReceipt> held() override {
        base::net::HttpClient http(options_.trusted_roots);
        return held_at(http, link_->session(), options_.timeout);
    }

private:
    const ReaderOptions& options_;
    const std::string topic_;
    std::unique_ptr<OperatorLink> link_;
    std::uint64_t counter_ = 0;
};

template <typename Source>
Result<std::unique_ptr<FrameSource>> opened(const ReaderOptions& options, const OperatorEndpoint& at) {
    auto source = std::make_unique<Source>(options);
    FS_TRY(source->open(at));
    return source;
}

}  // namespace

Result<std::unique_ptr<OperatorLink>> open_link(const ReaderOptions& options, const OperatorEndpoint& at,
                                                std::vector<std::string> topics) {
    return OperatorLink::open({.to = at,
                               .network = options.network,
                               .grant = options.grant,
                               .holder = options.holder,
                               .trusted_roots = options.trusted_roots,
                               .timeout = options.timeout},
                              std::move(topics));
}

Result<std::unique_ptr<FrameSource>> open_source(const ReaderOptions& options, const OperatorEndpoint& at) {
    return options.transport == Transport::kHttps ? opened<HttpsSource>(options, at) : opened<MqttSource>(options, at);
}

}  // namespace fairstream::mqtt_bridge::client
