#include "base/trace.hpp"

#include <algorithm>
#include <random>
#include <span>

#include "base/encoding.hpp"

namespace fairstream::base {

namespace {

constexpr std::size_t kTextSize = 2 + 1 + 32 + 1 + 16 + 1 + 2;
constexpr std::uint8_t kSampled = 0x01;

/// Ids of traces are no secrets: they only must not meet.
void fill(std::span<std::uint8_t> out) {
    thread_local std::mt19937_64 random = [] {
        std::random_device device;
        std::seed_seq seed{device(), device(), device(), device()};
        return std::mt19937_64(seed);
    }();
    do {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    } while (std::ranges::all_of(out, [](auto byte) { return byte == 0; }));
}

/// Lower case only, as the recommendation wants it; not all zeros.
template <std::size_t Size>
bool read_hex(std::string_view text, std::array<std::uint8_t, Size>& out) {
    const auto lower = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (!std::ranges::all_of(text, lower)) return false;
    const auto bytes = from_hex(text);
    if (!bytes || bytes->size() != Size) return false;
    std::ranges::copy(*bytes, out.begin());
    return true;
}

template <std::size_t Size>
bool is_zero(const std::array<std::uint8_t, Size>& id) {
    return std::ranges::all_of(id, [](auto byte) { return byte == 0; });
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view text) {
    if (text.size() != kTextSize || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return std::nullopt;
    TraceContext out;
    std::array<std::uint8_t, 1> flags{};
    if (!read_hex(text.substr(3, 32), out.trace) || !read_hex(text.substr(36, 16), out.span) ||
        !read_hex(text.substr(53, 2), flags) || is_zero(out.trace) || is_zero(out.span))
        return std::nullopt;
    out.sampled = (flags[0] & kSampled) != 0;
    return out;
}

TraceContext TraceContext::root() {
    TraceContext out;
    fill(out.trace);
    fill(out.span);
    return out;
}

TraceContext TraceContext::child() const {
    TraceContext out = *this;
    fill(out.span);
    return out;
}

std::string TraceContext::to_text() const {
    return "00-" + to_hex(trace) + "-" + to_hex(span) + (sampled ? "-01" : "-00");
}

std::string TraceContext::trace_id() const {
    return to_hex(trace);
}

void SpanQueue::add(Span span) {
    const std::lock_guard lock(mutex_);
    if (spans_.size() < capacity_)
        spans_.push_back(std::move(span));
    else
        ++dropped_;
}

std::vector<Span> SpanQueue::take(std::size_t count) {
    const std::lock_guard lock(mutex_);
    const auto end = spans_.begin() + static_cast<std::ptrdiff_t>(std::min(count, spans_.size()));
    std::vector<Span> out(std::make_move_iterator(spans_.begin()), std::make_move_iterator(end));
    spans_.erase(spans_.begin(), end);
    return out;
}

std::uint64_t SpanQueue::dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

SpanTimer::SpanTimer(SpanQueue* queue, std::string name, std::string_view traceparent)
    : queue_(queue), traceparent_(traceparent) {
    if (queue == nullptr || traceparent.empty()) return;
    const auto caller = TraceContext::parse(traceparent);
    if (!caller || !caller->sampled) return;
    span_ = Span{.name = std::move(name),
                 .at = caller->child(),
                 .parent = caller->span,
                 .began = wall_now(),
                 .ended = {},
                 .attributes = {},
                 .error = {}};
    traceparent_ = span_->at.to_text();
}

void SpanTimer::attribute(std::string name, std::string value) {
    if (span_) span_->attributes.emplace_back(std::move(name), std::move(value));
}

void SpanTimer::end(std::string error) {
    if (!span_) return;
    span_->ended = wall_now();
    span_->error = std::move(error);
    queue_->add(std::move(*span_));
    span_.reset();
}

}  // namespace fairstream::base
