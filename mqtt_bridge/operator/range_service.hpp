#pragma once

#include "base/metrics.hpp"
#include "base/net/http.hpp"
#include "base/net/loop_scope.hpp"
#include "base/pool.hpp"
#include "mqtt_bridge/client/mqtt_session.hpp"
#include "mqtt_bridge/operator/replication.hpp"
#include "security_manager/service/session_service.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

/// Delivers stored frames to who bought them, over HTTPS and MQTT alike, and counts them to the purchase before they
/// leave.
///
///     GET /v1/streams/{stream}/frames?from=&limit=   application/octet-stream: each frame after its length as u32
///     GET /v1/streams/{stream}/receipts              {"stream", "receipts": [{"operator", "through", "receipt"}]}
///     fs/1/s/{stream}/fetch                          client::RangeRequest; answered to the session's inbox
///
/// A session reads its own streams and range only, of the time that it was bought for (a range that begins before it
/// is answered from where that time begins; what begins after it is refused: window_over), and at most W entries ahead
/// of the buyer's receipts (beyond: receipt_wanted). On the loop thread; the log is read in the pool.
class RangeService {
public:
    using Respond = base::net::HttpServer::Respond;
    using Publish = std::function<Status(const std::string& topic, ByteView payload, const client::PublishOptions&)>;

    RangeService(base::net::Loop& loop, base::Pool& pool, const log::StreamLog& log, const Replication& replication,
                 security_manager::service::SessionService& sessions, base::Metrics& metrics, Publish publish);

    static bool handles(const base::net::HttpRequest& request);
    /// Precondition: handles(request).
    void handle(const base::net::HttpRequest& request, const Respond& respond);
    void on_fetch(const StreamHash& stream, const client::MqttMessage& message);
    void close() { scope_.close(); }

private:
    static constexpr std::size_t kMaxReading = 256;  // requests in the pool
    static constexpr std::size_t kMaxHttpBytes = 4u << 20;
    static constexpr std::size_t kMaxMqttBytes = 2u << 20;
    static constexpr std::uint32_t kMaxFrames = 1024;

    struct Asked {
        StreamHash stream{};
        std::uint64_t from = 0;
        std::uint64_t last = 0;
        std::size_t max_bytes = 0;
        std::uint64_t from_us = 0;  // as in Session
        std::uint64_t until_us = 0;
    };
    struct Range {
        std::uint64_t first = 0;
        std::vector<Bytes> frames;
    };
    using Answer = std::function<void(Result<Bytes>)>;  // client::append_frame of each

    void read(const security_manager::service::Session& session, const StreamHash& stream, std::uint64_t from,
              std::uint64_t limit, std::size_t max_bytes, Answer answer);
    static Result<Range> read_log(const log::StreamLog& log, Asked asked);
    Result<Bytes> served(const security_manager::service::SessionId& id, Range range);
    void frames(const base::net::HttpRequest& request, const StreamHash& stream,
                const security_manager::service::Session& session, const Respond& respond);
    void receipts(const StreamHash& stream, const Respond& respond) const;

    base::net::LoopScope scope_;
    base::Pool& pool_;
    const log::StreamLog& log_;
    const Replication& replication_;
    security_manager::service::SessionService& sessions_;
    base::Metrics& metrics_;
    const Publish publish_;
    std::size_t reading_ = 0;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
