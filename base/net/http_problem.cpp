#include <boost/json.hpp>

#include "base/net/http.hpp"

namespace fairstream::base::net {

namespace {

constexpr std::size_t kMaxProblemBytes = 8192;
constexpr std::size_t kMaxTextBytes = 1024;

std::string_view title_of(int status) {
    switch (status) {
        case 400:
            return "Bad request";
        case 401:
            return "Authentication required";
        case 402:
            return "Payment required";
        case 403:
            return "Forbidden";
        case 404:
            return "Not found";
        case 405:
            return "Method not allowed";
        case 408:
            return "Request timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Body too large";
        case 422:
            return "Not acceptable as it is";
        case 429:
            return "Too many requests";
        case 431:
            return "Header too large";
        case 503:
            return "Unavailable";
        case 504:
            return "Timeout";
        default:
            return status >= 500 ? "Server error" : "Request refused";
    }
}

}  // namespace

HttpResponse problem(int status, const Error& error, bool retryable) {
    const boost::json::object document{
        {"type", "about:blank"},   {"title", title_of(status)}, {"status", status},
        {"detail", error.message}, {"code", error.code},        {"retryable", retryable},
    };
    return {status, {{"content-type", "application/problem+json"}}, boost::json::serialize(document)};
}

Error problem_error(std::string_view body, std::string otherwise) {
    Error out{"bad_answer", std::move(otherwise)};
    boost::json::error_code error;
    const auto document = boost::json::parse(body.substr(0, kMaxProblemBytes), error);
    if (error || !document.is_object()) return out;
    const auto take = [&](std::string_view name, std::string& to) {
        const auto* member = document.get_object().if_contains(name);
        if (member != nullptr && member->is_string()) to = std::string(member->get_string()).substr(0, kMaxTextBytes);
    };
    take("code", out.code);
    take("detail", out.message);
    return out;
}

}  // namespace fairstream::base::net
