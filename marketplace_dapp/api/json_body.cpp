#include "marketplace_dapp/api/json_body.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/encoding.hpp"

namespace fairstream::marketplace_dapp::api {

namespace json = boost::json;

namespace {
constexpr std::size_t kMaxDepth = 32;
}  // namespace

Result<json::object> parse_object(const std::string& body) {
    json::parse_options options;
    options.max_depth = kMaxDepth;
    json::error_code error;
    auto value = json::parse(body, error, {}, options);
    if (error || !value.is_object()) return fail("bad_request", "the body is not a JSON object");
    return std::move(value.as_object());
}

Status only_members(const json::object& object, std::initializer_list<std::string_view> names) {
    for (const auto& member : object)
        if (std::find(names.begin(), names.end(), std::string_view(member.key())) == names.end())
            return fail("bad_request", "no such member: " + std::string(member.key()).substr(0, 64));
    return {};
}

Result<std::string> text_of(const json::object& object, const char* name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return fail("bad_request", std::string(name) + ": a string");
    return std::string(value->get_string());
}

Result<json::value> object_of(const json::object& object, const char* name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_object()) return fail("bad_request", std::string(name) + ": an object");
    return *value;
}

Result<Bytes> bytes_of(const json::object& object, const char* name) {
    FS_ASSIGN(const auto encoded, text_of(object, name));
    auto decoded = base::from_base64url(encoded);
    if (!decoded) return fail("bad_request", std::string(name) + ": base64url without padding");
    return decoded;
}

Result<Bytes> optional_bytes_of(const json::object& object, const char* name) {
    if (!object.contains(name)) return Bytes{};
    return bytes_of(object, name);
}

}  // namespace fairstream::marketplace_dapp::api
