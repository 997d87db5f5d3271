#include "base/busy.hpp"

#include <algorithm>
#include <charconv>

namespace fairstream::base {

namespace {
constexpr std::string_view kBefore = "; retry after ";
constexpr std::string_view kAfter = " ms";
constexpr std::chrono::milliseconds kLongest{30'000};
}  // namespace

Error busy(std::string what, std::chrono::milliseconds retry_after) {
    return {"busy", std::move(what) + std::string(kBefore) + std::to_string(retry_after.count()) + std::string(kAfter)};
}

std::optional<std::chrono::milliseconds> retry_after(const Error& error) {
    const std::string_view message = error.message;
    const auto at = message.rfind(kBefore);
    if (error.code != "busy" || at == std::string_view::npos || !message.ends_with(kAfter)) return std::nullopt;
    const auto number = message.substr(at + kBefore.size(), message.size() - at - kBefore.size() - kAfter.size());
    std::uint32_t count = 0;
    const auto [end, wrong] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (wrong != std::errc() || end != number.data() + number.size()) return std::nullopt;
    return std::min(std::chrono::milliseconds(count), kLongest);
}

}  // namespace fairstream::base
