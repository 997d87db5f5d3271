#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

/// dateTimeStamp of XML Schema 1.1, as VC 2.0 writes times.
namespace fairstream::identity::credential {

/// 2026-11-21T03:27:00Z, rounded down to the second.
std::string to_timestamp(TimePoint t);
/// Years 1970 to 9999, a fraction of at most six digits, Z or an offset of at most 14 hours. Error: bad_time.
Result<TimePoint> from_timestamp(std::string_view text);

}  // namespace fairstream::identity::credential
