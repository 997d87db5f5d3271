#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace fairstream::base {

/// Where in a distributed trace something happens (W3C Trace Context, www.w3.org/TR/trace-context, level 1).
struct TraceContext {
    std::array<std::uint8_t, 16> trace{};
    std::array<std::uint8_t, 8> span{};
    bool sampled = true;

    /// The `traceparent` header: "00-<32 hex digits>-<16>-01". Nothing if it is none, or all zeros.
    static std::optional<TraceContext> parse(std::string_view traceparent);
    /// A new trace.
    static TraceContext root();
    /// A new span below this one.
    TraceContext child() const;
    std::string to_text() const;   // traceparent
    std::string trace_id() const;  // 32 hex digits
};

/// One step of one trace, done.
struct Span {
    std::string name;
    TraceContext at;
    std::array<std::uint8_t, 8> parent{};  // zeros: the trace begins here
    TimePoint began{};
    TimePoint ended{};
    std::vector<std::pair<std::string, std::string>> attributes;
    std::string error;  // empty: it went well
};

/// Spans that wait to be exported. Bounded: what does not fit is dropped and counted. Thread-safe.
class SpanQueue {
public:
    explicit SpanQueue(std::size_t capacity = 4096) : capacity_(capacity) {}

    void add(Span span);
    /// At most `count`, oldest first.
    std::vector<Span> take(std::size_t count);
    std::uint64_t dropped() const;

private:
    const std::size_t capacity_;
    mutable std::mutex mutex_;
    std::deque<Span> spans_;
    std::uint64_t dropped_ = 0;
};

/// Measures a step from its construction until `end`: for a caller's traceparent it becomes a span below that; without
/// one, or without a queue, it costs nothing.
class SpanTimer {
public:
    SpanTimer(SpanQueue* queue, std::string name, std::string_view traceparent);

    void attribute(std::string name, std::string value);
    void end(std::string error = {});
    /// For what is called on the way: this span, or the caller's traceparent as it came.
    const std::string& traceparent() const { return traceparent_; }

private:
    SpanQueue* queue_;
    std::optional<Span> span_;
    std::string traceparent_;
};

}  // namespace fairstream::base
