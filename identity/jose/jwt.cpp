#include "identity/jose/jwt.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/encoding.hpp"
#include "identity/jose/strict_json.hpp"

namespace fairstream::identity::jose {

namespace json = boost::json;

namespace {

constexpr std::int64_t kMaxSeconds = 253'402'300'799;  // 9999-12-31T23:59:59Z

std::string encoded(const json::object& object) {
    return base::to_base64url(as_bytes(json::serialize(object)));
}

Result<json::object> decoded(std::string_view part, std::string_view name) {
    const auto bytes = base::from_base64url(part);
    if (!bytes) return fail("bad_jwt", std::string(name) + ": " + bytes.error().message);
    auto object = parse_strict_object(as_text(*bytes));
    if (!object) return fail("bad_jwt", std::string(name) + ": " + object.error().message);
    return object;
}

bool member_is(const json::object& object, const char* name, std::string_view expected) {
    const auto* member = object.if_contains(name);
    const auto* text = member != nullptr ? member->if_string() : nullptr;
    return text != nullptr && std::string_view(text->data(), text->size()) == expected;
}

/// Header, claims, signature; exactly two dots.
Result<std::array<std::string_view, 3>> split(std::string_view jwt) {
    const auto first = jwt.find('.');
    const auto second = first == std::string_view::npos ? first : jwt.find('.', first + 1);
    if (second == std::string_view::npos || jwt.find('.', second + 1) != std::string_view::npos)
        return fail("bad_jwt", "a compact JWS has three parts with dots between them");
    return std::array{jwt.substr(0, first), jwt.substr(first + 1, second - first - 1), jwt.substr(second + 1)};
}

}  // namespace

std::string sign_jwt(const crypto::SigningKey& key, std::string_view typ, const json::object& claims,
                     const json::object& more_header) {
    json::object header;
    header["alg"] = "ES256";
    header["typ"] = json::string_view(typ.data(), typ.size());
    for (const auto& member : more_header) header[member.key()] = member.value();
    std::string out = encoded(header) + "." + encoded(claims);
    const auto signature = key.sign(as_bytes(out));
    return out + "." + base::to_base64url(signature);
}

Result<Jwt> parse_jwt(std::string_view jwt, std::string_view typ) {
    if (jwt.size() > kMaxJwtBytes)
        return fail("too_large", "a token has at most 16 KiB, here are " + std::to_string(jwt.size()) + " bytes");
    FS_ASSIGN(const auto parts, split(jwt));
    Jwt out;
    FS_ASSIGN(out.header, decoded(parts[0], "the header"));
    if (!member_is(out.header, "alg", "ES256")) return fail("bad_alg", "tokens are signed with ES256 and nothing else");
    if (!member_is(out.header, "typ", typ)) return fail("bad_typ", "the token's typ is not " + std::string(typ));
    if (out.header.contains("crit"))
        return fail("bad_jwt", "the header has critical extensions, of which none is known");
    if (out.header.contains("b64")) return fail("bad_jwt", "unencoded payloads are not known");
    FS_ASSIGN(out.claims, decoded(parts[1], "the claims"));
    const auto signature = base::from_base64url(parts[2]);
    if (!signature) return fail("bad_jwt", "the signature: " + signature.error().message);
    const auto raw = crypto::to_signature(*signature);
    if (!raw) return fail("bad_jwt", raw.error().message);
    out.signature = *raw;
    out.signed_part = jwt.substr(0, parts[0].size() + 1 + parts[1].size());
    return out;
}

Result<Jwt> verify_jwt(std::string_view jwt, std::string_view typ, const crypto::VerifyingKey& key) {
    FS_ASSIGN(Jwt out, parse_jwt(jwt, typ));
    if (!out.signed_by(key)) return fail("bad_signature", "the token is not signed by this key, or was changed");
    return out;
}

Result<std::string> string_claim(const json::object& claims, std::string_view name, std::size_t max_bytes) {
    const auto* member = claims.if_contains(json::string_view(name.data(), name.size()));
    const auto* text = member != nullptr ? member->if_string() : nullptr;
    if (text == nullptr) return fail("bad_claim", "the claim " + std::string(name) + " is not a string");
    if (text->size() > max_bytes)
        return fail("bad_claim",
                    "the claim " + std::string(name) + " has more than " + std::to_string(max_bytes) + " bytes");
    return std::string(text->data(), text->size());
}

Result<TimePoint> time_claim(const json::object& claims, std::string_view name) {
    const auto* member = claims.if_contains(json::string_view(name.data(), name.size()));
    const auto* seconds = member != nullptr ? member->if_int64() : nullptr;
    if (seconds == nullptr || *seconds < 0 || *seconds > kMaxSeconds)
        return fail("bad_claim", "the claim " + std::string(name) + " is not a time in whole seconds since 1970");
    return TimePoint(std::chrono::seconds(*seconds));
}

std::int64_t numeric_date(TimePoint t) {
    return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

}  // namespace fairstream::identity::jose
