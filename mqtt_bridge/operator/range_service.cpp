#include "mqtt_bridge/operator/range_service.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/encoding.hpp"
#include "mqtt_bridge/client/bundle.hpp"
#include "mqtt_bridge/client/notice.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

namespace gate = security_manager::gate;
namespace service = security_manager::service;
namespace json = boost::json;
using base::net::HttpRequest;
using base::net::HttpResponse;

namespace {

constexpr std::string_view kStreams = "/v1/streams/";

struct Path {
    StreamHash stream{};
    std::string_view what;
};

std::optional<Path> parse_path(std::string_view path) {
    if (!path.starts_with(kStreams)) return std::nullopt;
    path.remove_prefix(kStreams.size());
    const auto slash = path.find('/');
    const auto stream = gate::session_id_from_text(path.substr(0, slash));  // 16 bytes in the one spelling
    if (slash == std::string_view::npos || !stream) return std::nullopt;
    return Path{*stream, path.substr(slash + 1)};
}

Result<std::uint64_t> number(const HttpRequest& request, const std::string& name) {
    const auto found = request.query.find(name);
    std::uint64_t out = 0;
    const std::string text = found == request.query.end() ? "" : found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || out == 0)
        return fail("bad_request", "query '" + name + "' must be a whole number from 1 on");
    return out;
}

HttpResponse problem_of(const Error& error) {
    if (error.code == "not_covered") return base::net::problem(403, error);
    if (error.code == "bad_request") return base::net::problem(400, error);
    if (error.code == "deleted") return base::net::problem(410, error);
    if (error.code == "busy") return base::net::problem(429, error, /*retryable=*/true);
    if (error.code == "damaged" || error.code == "io_error")
        return base::net::problem(500, {error.code, "the stored frames cannot be read"}, /*retryable=*/true);
    return service::problem_for(error);
}

}  // namespace

RangeService::RangeService(base::net::Loop& loop, base::Pool& pool, const log::StreamLog& log,
                           const Replication& replication, service::SessionService& sessions, base::Metrics& metrics,
                           Publish publish)
    : scope_(loop),
      pool_(pool),
      log_(log),
      replication_(replication),
      sessions_(sessions),
      metrics_(metrics),
      publish_(std::move(publish)) {}

bool RangeService::handles(const HttpRequest& request) {
    return request.path.starts_with(kStreams);
}

void RangeService::handle(const HttpRequest& request, const Respond& respond) {
    const auto path = parse_path(request.path);
    if (!path || (path->what != "frames" && path->what != "receipts"))
        return respond(base::net::problem(
            404, {"not_found", "there are frames and receipts of a stream, named by 32 hex digits"}));
    if (request.method != "GET") return respond(base::net::problem(405, {"bad_method", "only GET is answered here"}));
    const auto session = sessions_.authorise(request);
    if (!session) return respond(service::problem_for(session.error()));
    if (!session->covers(path->stream))
        return respond(problem_of({"not_covered", "the session is for another stream"}));
    if (path->what == "receipts") return receipts(path->stream, respond);
    frames(request, path->stream, *session, respond);
}

void RangeService::frames(const HttpRequest& request, const StreamHash& stream, const service::Session& session,
                          const Respond& respond) {
    const auto from = number(request, "from");
    const auto limit = number(request, "limit");
    if (!from || !limit) return respond(problem_of(from ? limit.error() : from.error()));
    read(session, stream, *from, *limit, kMaxHttpBytes, [respond](Result<Range> range) {
        if (!range) return respond(problem_of(range.error()));
        respond({200, {{"content-type", "application/octet-stream"}}, base::to_string(range->body)});
    });
}

void RangeService::on_fetch(const StreamHash& stream, const client::MqttMessage& message) {
    const auto inbox = gate::parse_topic(message.response_topic);
    if (!inbox || inbox->kind != gate::TopicKind::kInbox) return;  // nobody to answer to
    const service::Session* session = sessions_.find(inbox->session);
    if (session == nullptr) return;
    const auto answer = [this, topic = message.response_topic, correlation = message.correlation](Result<Range> range) {
        Bytes body;
        if (range) {
            body.push_back(0);
            append(body, range->body);
        } else {
            body.push_back(1);
            append(body, as_bytes(problem_of(range.error()).body));
        }
        (void)publish_(topic, body, {.correlation = correlation});
    };
    const auto request = client::RangeRequest::decode(message.payload);
    if (!request) return answer(fail(request.error()));
    read(*session, stream, request->from, request->limit, kMaxMqttBytes, answer);
}

/// Checks the range against the session, reads it in the pool, counts it, answers.
void RangeService::read(const service::Session& session, const StreamHash& stream, std::uint64_t from,
                        std::uint64_t limit, std::size_t max_bytes, Answer answer) {
    if (session.kind != gate::SessionKind::kDownload)
        return answer(fail("not_covered", "only a download grant reads frames"));
    if (!session.covers(stream) || !session.covers(from))
        return answer(fail("not_covered", "frame " + std::to_string(from) + " is not among those that were bought"));
    if (reading_ == kMaxReading) return answer(fail("busy", "too many ranges are being read"));
    const std::uint64_t room =
        std::min<std::uint64_t>(std::min<std::uint64_t>(limit, kMaxFrames) - 1, session.last - from);
    const std::uint64_t last = from + room;
    ++reading_;
    const bool posted = pool_.post([this, id = session.id, stream, from, last, max_bytes, answer] {
        auto range = std::make_shared<Result<Range>>(read_log(log_, stream, from, last, max_bytes));
        scope_.post([this, id, range, answer] {
            --reading_;
            if (*range && (**range).last >= (**range).first) {
                if (sessions_.find(id) == nullptr)
                    return answer(fail("unknown_session", "the session ended meanwhile"));
                sessions_.meter(id, (**range).first, (**range).last);
                metrics_.count("fairstream_operator_frames_served_total",
                               static_cast<double>((**range).last - (**range).first + 1));
            }
            answer(std::move(*range));
        });
    });
    if (posted) return;
    --reading_;
    answer(fail("busy", "the pool is full"));
}

Result<RangeService::Range> RangeService::read_log(const log::StreamLog& log, const StreamHash& stream,
                                                   std::uint64_t from, std::uint64_t last, std::size_t max_bytes) {
    Range out{.body = {}, .first = from, .last = from - 1};
    FS_ASSIGN(const auto records, log.read(stream, from, max_bytes));
    for (const log::Record& record : records) {
        FS_ASSIGN(const auto frames, client::frames_of(record.raw));
        if (frames.size() != record.last - record.first + 1) return fail("damaged", "a stored bundle lacks frames");
        for (std::uint64_t i = out.last + 1 - record.first; i < frames.size() && out.last < last; ++i) {
            if (!out.body.empty() && out.body.size() + frames[i].size() > max_bytes) return out;
            client::append_frame(out.body, frames[i]);
            ++out.last;
        }
    }
    return out;
}

void RangeService::receipts(const StreamHash& stream, const Respond& respond) const {
    json::array list;
    if (const auto* known = replication_.receipts(stream)) {
        for (const auto& [name, receipt] : *known)
            list.push_back(json::object{
                {"operator", name}, {"through", receipt.through}, {"receipt", base::to_base64(receipt.encoded)}});
    }
    const json::object body{{"stream", base::to_hex(stream)}, {"receipts", std::move(list)}};
    respond({200, {{"content-type", "application/json"}}, json::serialize(body)});
}

}  // namespace fairstream::mqtt_bridge::storage_operator
