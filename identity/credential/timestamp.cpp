#include "identity/credential/timestamp.hpp"

#include <optional>

namespace fairstream::identity::credential {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes digits and single characters from the front of a text.
class Cursor {
public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    std::optional<int> digits(std::size_t count) {
        if (rest_.size() < count) return std::nullopt;
        int value = 0;
        for (const char c : rest_.substr(0, count)) {
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(count);
        return value;
    }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool digit_next() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }
    bool done() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

/// Two numbers of two digits with a colon between: hours and minutes.
std::optional<minutes> clock_time(Cursor& cursor, int max_hours) {
    const auto h = cursor.digits(2);
    if (!h || *h > max_hours || !cursor.take(':')) return std::nullopt;
    const auto m = cursor.digits(2);
    if (!m || *m > 59) return std::nullopt;
    return hours(*h) + minutes(*m);
}

std::optional<microseconds> fraction(Cursor& cursor) {
    if (!cursor.take('.')) return microseconds(0);
    int value = 0;
    int places = 0;
    for (; cursor.digit_next(); ++places) {
        if (places == 6) return std::nullopt;
        value = value * 10 + *cursor.digits(1);
    }
    if (places == 0) return std::nullopt;
    for (; places < 6; ++places) value *= 10;
    return microseconds(value);
}

std::optional<minutes> offset(Cursor& cursor) {
    if (cursor.take('Z')) return minutes(0);
    const bool ahead = cursor.take('+');
    if (!ahead && !cursor.take('-')) return std::nullopt;
    const auto distance = clock_time(cursor, /*max_hours=*/14);
    if (!distance || *distance > hours(14)) return std::nullopt;
    return ahead ? *distance : -*distance;
}

std::optional<TimePoint> parse(std::string_view text) {
    Cursor cursor(text);
    const auto year = cursor.digits(4);
    if (!year || *year < 1970 || !cursor.take('-')) return std::nullopt;
    const auto month = cursor.digits(2);
    if (!month || !cursor.take('-')) return std::nullopt;
    const auto day = cursor.digits(2);
    if (!day || !cursor.take('T')) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day)));
    const auto time = clock_time(cursor, /*max_hours=*/23);
    if (!date.ok() || !time || !cursor.take(':')) return std::nullopt;
    const auto second = cursor.digits(2);
    if (!second || *second > 59) return std::nullopt;
    const auto micros = fraction(cursor);
    if (!micros) return std::nullopt;
    const auto from_utc = offset(cursor);
    if (!from_utc || !cursor.done()) return std::nullopt;
    const TimePoint at = std::chrono::sys_days(date) + *time + seconds(*second) + *micros - *from_utc;
    if (at.time_since_epoch().count() < 0) return std::nullopt;
    return at;
}

}  // namespace

std::string to_timestamp(TimePoint t) {
    return base::to_rfc3339(t).substr(0, 19) + "Z";  // without the fraction
}

Result<TimePoint> from_timestamp(std::string_view text) {
    const auto at = text.size() <= 40 ? parse(text) : std::nullopt;
    if (!at) return fail("bad_time", "not a time like 2026-11-21T03:27:00Z: " + std::string(text.substr(0, 40)));
    return *at;
}

}  // namespace fairstream::identity::credential
