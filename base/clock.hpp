#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fairstream::base {

/// Wall time in microseconds since 1970, UTC: what protocols carry. Cores never read it; time reaches them as an event.
using TimePoint = std::chrono::sys_time<std::chrono::microseconds>;

TimePoint wall_now();
/// Monotonic microseconds, for intervals only.
std::chrono::microseconds steady_now();

inline std::uint64_t to_us(TimePoint t) {
    return static_cast<std::uint64_t>(t.time_since_epoch().count());
}
inline TimePoint from_us(std::uint64_t us) {
    return TimePoint(std::chrono::microseconds(static_cast<std::int64_t>(us)));
}

/// 2026-11-21T03:27:00.123456Z (RFC 3339).
std::string to_rfc3339(TimePoint t);

}  // namespace fairstream::base

namespace fairstream {
using base::TimePoint;
}  // namespace fairstream
