#include "base/net/trace_exporter.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "base/log.hpp"
#include "base/net/http.hpp"

namespace fairstream::base::net {

namespace json = boost::json;

namespace {

constexpr std::size_t kBatch = 512;
constexpr int kServerKind = 2;   // SPAN_KIND_SERVER
constexpr int kErrorStatus = 2;  // STATUS_CODE_ERROR

json::object attribute(std::string_view key, std::string_view value) {
    return {{"key", key}, {"value", json::object{{"stringValue", value}}}};
}

std::string nanoseconds(TimePoint t) {
    return std::to_string(to_us(t)) + "000";
}

json::object to_json(const Span& span) {
    json::array attributes;
    for (const auto& [key, value] : span.attributes) attributes.push_back(attribute(key, value));
    json::object out{{"traceId", to_hex(span.at.trace)},
                     {"spanId", to_hex(span.at.span)},
                     {"name", span.name},
                     {"kind", kServerKind},
                     {"startTimeUnixNano", nanoseconds(span.began)},
                     {"endTimeUnixNano", nanoseconds(span.ended)},
                     {"attributes", std::move(attributes)}};
    if (std::ranges::any_of(span.parent, [](auto byte) { return byte != 0; }))
        out["parentSpanId"] = to_hex(span.parent);
    if (!span.error.empty()) out["status"] = json::object{{"code", kErrorStatus}, {"message", span.error}};
    return out;
}

}  // namespace

std::string to_otlp_json(const TraceExporter::Options& options, const std::vector<Span>& spans) {
    json::array list;
    for (const auto& span : spans) list.push_back(to_json(span));
    json::object scope{{"scope", json::object{{"name", "fairstream"}}}, {"spans", std::move(list)}};
    json::object resource{
        {"resource", json::object{{"attributes", json::array{attribute("service.name", options.service),
                                                             attribute("service.instance.id", options.instance)}}}},
        {"scopeSpans", json::array{std::move(scope)}}};
    return json::serialize(json::object{{"resourceSpans", json::array{std::move(resource)}}});
}

TraceExporter::TraceExporter(Options options, SpanQueue& queue, Metrics& metrics)
    : options_(std::move(options)), queue_(queue), metrics_(metrics), thread_([this] { run(); }) {}

TraceExporter::~TraceExporter() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void TraceExporter::run() {
    HttpClient client(options_.trusted_roots);
    bool reached = true;
    std::uint64_t dropped = 0;
    for (bool last = false; !last;) {
        {
            std::unique_lock lock(mutex_);
            last = wake_.wait_for(lock, options_.interval, [this] { return stopping_; });
        }
        for (auto spans = queue_.take(kBatch); !spans.empty(); spans = queue_.take(kBatch)) {
            const auto answer = client.request("POST", options_.url, {{"content-type", "application/json"}},
                                               to_otlp_json(options_, spans), options_.timeout);
            const bool taken = answer && answer->status / 100 == 2;
            metrics_.count("fairstream_trace_spans_total", static_cast<double>(spans.size()),
                           {{"result", taken ? "exported" : "dropped"}});
            if (reached && !taken)
                log_warn("traces are dropped: {}",
                         answer ? "the collector answers " + std::to_string(answer->status) : answer.error().message);
            reached = taken;
            if (!taken) break;
        }
        const auto now = queue_.dropped();
        if (now > dropped)
            metrics_.count("fairstream_trace_spans_total", static_cast<double>(now - dropped), {{"result", "no_room"}});
        dropped = now;
    }
}

}  // namespace fairstream::base::net
