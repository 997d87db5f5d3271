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
    read(session, stream, *from, *limit, kMaxHttpBytes, [respond](Result<Bytes> frames) {
        if (!frames) return respond(problem_of(frames.error()));
        respond({200, {{"content-type", "application/octet-stream"}}, base::to_string(*frames)});
    });
}

void RangeService::on_fetch(const StreamHash& stream, const client::MqttMessage& message) {
    const auto inbox = gate::parse_topic(message.response_topic);
    if (!inbox || inbox->kind != gate::TopicKind::kInbox) return;  // nobody to answer to
    const service::Session* session = sessions_.find(inbox->session);
    if (session == nullptr) return;
    const auto answer = [this, topic = message.response_topic,
                         correlation = message.correlation](Result<Bytes> frames) {
        Bytes body;
        if (frames) {
            body.push_back(0);
            append(body, *frames);
        } else {
            body.push_back(1);
            append(body, as_bytes(problem_of(frames.error()).body));
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
    // What is before the session's time is skipped, so what `from` leads to is not known yet.
    if (!session.bounded_in_time())
        if (const auto reach = sessions_.reach(session, from, from); !reach) return answer(fail(reach.error()));
    if (reading_ == kMaxReading) return answer(fail("busy", "too many ranges are being read"));
    const std::uint64_t frames = std::min<std::uint64_t>(limit, kMaxFrames);
    const Asked asked{.stream = stream,
                      .from = from,
                      .last = from + std::min<std::uint64_t>(frames - 1, session.last - from),
                      .max_bytes = max_bytes,
                      .from_us = session.from_us,
                      .until_us = session.until_us};
    ++reading_;
    const bool posted = pool_.post([this, id = session.id, asked, answer] {
        auto range = std::make_shared<Result<Range>>(read_log(log_, asked));
        scope_.post([this, id, range, answer] {
            --reading_;
            answer(*range ? served(id, std::move(**range)) : Result<Bytes>(fail(range->error())));
        });
    });
    if (posted) return;
    --reading_;
    answer(fail("busy", "the pool is full"));
}

/// Counts what may leave, and cuts off the rest.
Result<Bytes> RangeService::served(const service::SessionId& id, Range range) {
    Bytes body;
    if (range.frames.empty()) return body;
    const service::Session* session = sessions_.find(id);
    if (session == nullptr) return fail("unknown_session", "the session ended meanwhile");
    const std::uint64_t last = std::min(session->last, range.first + range.frames.size() - 1);
    FS_ASSIGN(const std::uint64_t reach, sessions_.reach(*session, range.first, last));
    for (std::uint64_t i = 0; i <= reach - range.first; ++i) client::append_frame(body, range.frames[i]);
    sessions_.meter(id, range.first, reach);
    metrics_.count("fairstream_operator_frames_served_total", static_cast<double>(reach - range.first + 1));
    return body;
}

namespace {

Result<std::uint64_t> time_of(ByteView frame) {
    const auto header = identity::crypto::FrameHeader::decode(frame);
    if (!header) return fail("damaged", "a stored frame has no header");
    return header->time_us;
}

/// The first number from `from` on whose frame is not earlier than `time_us`; beyond the stream's end if there is none.
/// Times never go backwards, so it is found by halving.
Result<std::uint64_t> find_time(const log::StreamLog& log, const StreamHash& stream, std::uint64_t from,
                                std::uint64_t time_us) {
    std::uint64_t low = from;
    std::uint64_t high = log.mark(stream).through + 1;  // from here on: late enough, or nothing
    while (low < high) {
        FS_ASSIGN(const auto records, log.read(stream, low + (high - low) / 2, /*max_bytes=*/1));
        if (records.empty()) break;
        const log::Record& record = records.front();
        FS_ASSIGN(const auto frames, client::frames_of(record.raw));
        if (frames.empty()) return fail("damaged", "a stored bundle lacks frames");
        FS_ASSIGN(const std::uint64_t first_us, time_of(frames.front()));
        FS_ASSIGN(const std::uint64_t last_us, time_of(frames.back()));
        if (last_us < time_us) {
            low = record.last + 1;
        } else if (first_us >= time_us && record.first >= low) {
            high = record.first;
        } else {
            for (std::size_t i = 0; i < frames.size(); ++i) {
                FS_ASSIGN(const std::uint64_t frame_us, time_of(frames[i]));
                if (frame_us >= time_us) return std::max(low, record.first + i);
            }
        }
    }
    return low;
}

}  // namespace

Result<RangeService::Range> RangeService::read_log(const log::StreamLog& log, Asked asked) {
    if (asked.from_us != 0) {
        FS_ASSIGN(const std::uint64_t begin, find_time(log, asked.stream, asked.from, asked.from_us));
        asked.last += begin - asked.from;
        asked.from = begin;
    }
    Range out{.first = asked.from, .frames = {}};
    std::size_t bytes = 0;
    FS_ASSIGN(const auto records, log.read(asked.stream, asked.from, asked.max_bytes));
    for (const log::Record& record : records) {
        FS_ASSIGN(auto frames, client::frames_of(record.raw));
        if (frames.size() != record.last - record.first + 1) return fail("damaged", "a stored bundle lacks frames");
        for (std::uint64_t i = out.first + out.frames.size() - record.first;
             i < frames.size() && record.first + i <= asked.last; ++i) {
            FS_ASSIGN(const std::uint64_t time_us, time_of(frames[i]));
            if (asked.until_us != 0 && time_us >= asked.until_us) {
                if (!out.frames.empty()) return out;
                return fail("window_over", "what was paid for ends before frame " + std::to_string(record.first + i));
            }
            bytes += frames[i].size();
            if (!out.frames.empty() && bytes > asked.max_bytes) return out;
            out.frames.push_back(std::move(frames[i]));
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
