#include "marketplace_dapp/api/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>

namespace fairstream::marketplace_dapp::api {

namespace {

template <typename Number>
std::optional<Number> whole(const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

/// The JSON parser checks UTF-8.
bool is_text(const std::string& text) {
    boost::json::error_code error;
    boost::json::parse(boost::json::serialize(boost::json::string(text)), error);
    return !error && text.find('\0') == std::string::npos;
}

std::optional<std::string> Parameters::find(const std::string& name) {
    asked_.insert(name);
    const auto found = query_.find(name);
    return found == query_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::optional<std::string>> Parameters::text(const std::string& name, std::size_t max_bytes) {
    auto value = find(name);
    if (value && (value->empty() || value->size() > max_bytes || !is_text(*value)))
        return fail("bad_request", fmt::format("{}: 1 to {} bytes of UTF-8 text", name, max_bytes));
    return value;
}

Result<std::optional<std::int64_t>> Parameters::integer(const std::string& name, std::int64_t min, std::int64_t max) {
    const auto value = find(name);
    if (!value) return std::nullopt;
    const auto number = whole<std::int64_t>(*value);
    if (!number || *number < min || *number > max)
        return fail("bad_request", fmt::format("{}: an integer from {} to {}", name, min, max));
    return number;
}

Result<std::optional<double>> Parameters::number(const std::string& name, double min, double max) {
    const auto value = find(name);
    if (!value) return std::nullopt;
    const auto number = whole<double>(*value);
    if (!number || !std::isfinite(*number) || *number < min || *number > max)
        return fail("bad_request", fmt::format("{}: a number from {} to {}", name, min, max));
    return number;
}

Result<std::optional<std::string>> Parameters::word(const std::string& name, std::initializer_list<const char*> words) {
    const auto value = find(name);
    if (!value || std::ranges::find(words, *value) != words.end()) return value;
    return fail("bad_request", fmt::format("{}: one of {}", name, fmt::join(words, ", ")));
}

Result<std::optional<bool>> Parameters::flag(const std::string& name) {
    const auto value = find(name);
    if (!value) return std::nullopt;
    if (*value != "true" && *value != "false") return fail("bad_request", name + ": true or false");
    return *value == "true";
}

Status Parameters::finish() const {
    for (const auto& [name, value] : query_)
        if (!asked_.contains(name)) return fail("bad_request", "no such parameter: " + name.substr(0, 64));
    return {};
}

}  // namespace fairstream::marketplace_dapp::api
