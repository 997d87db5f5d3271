#include "identity/jose/jwk.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/encoding.hpp"

namespace fairstream::identity::jose {

namespace json = boost::json;

namespace {

Result<Bytes> coordinate(const json::object& jwk, const char* name) {
    const auto* member = jwk.if_contains(name);
    const auto* text = member != nullptr ? member->if_string() : nullptr;
    if (text == nullptr || text->size() != 43)  // 32 bytes in base64url
        return fail("bad_jwk", std::string("a P-256 JWK has a member ") + name + " of 43 base64url characters");
    auto bytes = base::from_base64url(std::string_view(text->data(), text->size()));
    if (!bytes) return fail("bad_jwk", std::string(name) + ": " + bytes.error().message);
    return bytes;
}

bool member_is(const json::object& jwk, const char* name, std::string_view expected) {
    const auto* member = jwk.if_contains(name);
    const auto* text = member != nullptr ? member->if_string() : nullptr;
    return text != nullptr && std::string_view(text->data(), text->size()) == expected;
}

}  // namespace

json::object jwk_from_key(const crypto::VerifyingKey& key) {
    const auto xy = key.xy();
    json::object out;
    out["kty"] = "EC";
    out["crv"] = "P-256";
    out["x"] = base::to_base64url(ByteView(xy).first(32));
    out["y"] = base::to_base64url(ByteView(xy).last(32));
    return out;
}

Result<crypto::VerifyingKey> key_from_jwk(const json::value& value) {
    const auto* jwk = value.if_object();
    if (jwk == nullptr) return fail("bad_jwk", "a JWK is a JSON object");
    if (jwk->contains("d")) return fail("bad_jwk", "a private key was sent where a public one belongs");
    if (!member_is(*jwk, "kty", "EC") || !member_is(*jwk, "crv", "P-256"))
        return fail("bad_jwk", "only keys of kty EC and crv P-256 are known");
    FS_ASSIGN(const Bytes x, coordinate(*jwk, "x"));
    FS_ASSIGN(const Bytes y, coordinate(*jwk, "y"));
    Bytes point = {0x04};
    append(point, x);
    append(point, y);
    auto key = crypto::VerifyingKey::from_sec1(point);
    if (!key) return fail("bad_jwk", key.error().message);
    return key;
}

std::string thumbprint(const crypto::VerifyingKey& key) {
    const auto jwk = jwk_from_key(key);
    json::object canonical;  // RFC 7638: the required members in lexicographic order
    for (const char* name : {"crv", "kty", "x", "y"}) canonical[name] = jwk.at(name);
    return base::to_base64url(crypto::sha256(as_bytes(json::serialize(canonical))));
}

}  // namespace fairstream::identity::jose
