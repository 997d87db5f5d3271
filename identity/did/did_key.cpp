#include "identity/did/did_key.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/encoding.hpp"
#include "identity/jose/jwk.hpp"

namespace fairstream::identity::did {

namespace json = boost::json;

namespace {

constexpr std::string_view kPrefix = "did:key:";
constexpr std::array<std::uint8_t, 2> kP256Codec = {0x80, 0x24};  // multicodec 0x1200 as unsigned varint
constexpr std::size_t kMultibaseChars = 49;                       // 'z' and 35 bytes in base58

std::string multibase(const crypto::VerifyingKey& key) {
    Bytes bytes = to_bytes(ByteView(kP256Codec));
    append(bytes, key.compressed());
    return "z" + base::to_base58(bytes);
}

}  // namespace

std::string did_from_key(const crypto::VerifyingKey& key) {
    return std::string(kPrefix) + multibase(key);
}

Result<crypto::VerifyingKey> key_from_did(std::string_view did_or_url) {
    const std::string_view did = did_of_url(did_or_url);
    const std::string_view identifier = did.substr(std::min(kPrefix.size(), did.size()));
    if (!did.starts_with(kPrefix) || identifier.size() != kMultibaseChars || identifier[0] != 'z')
        return fail("bad_did", "not a did:key of a P-256 key (did:key:zDn...)");
    if (did_or_url.size() != did.size() && did_or_url.substr(did.size() + 1) != identifier)
        return fail("bad_did", "the fragment of a did:key URL repeats its identifier");
    const auto bytes = base::from_base58(identifier.substr(1));
    if (!bytes) return fail("bad_did", bytes.error().message);
    if (bytes->size() != 35 || (*bytes)[0] != kP256Codec[0] || (*bytes)[1] != kP256Codec[1])
        return fail("bad_did", "the did:key is not of a P-256 key (multicodec 0x1200)");
    auto key = crypto::VerifyingKey::from_sec1(ByteView(*bytes).subspan(2));
    if (!key) return fail("bad_did", key.error().message);
    if (multibase(*key) != identifier) return fail("bad_did", "the did:key is not in its canonical spelling");
    return key;
}

std::string verification_method(std::string_view did) {
    const auto colon = did.rfind(':');
    return std::string(did) + "#" + std::string(did.substr(colon == std::string_view::npos ? 0 : colon + 1));
}

std::string_view did_of_url(std::string_view did_url) {
    return did_url.substr(0, did_url.find('#'));
}

json::object document(std::string_view did, const crypto::VerifyingKey& key) {
    const json::string id(did.data(), did.size());
    const json::string method(verification_method(did));
    json::object out;
    out["@context"] = {"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"};
    out["id"] = id;
    json::object entry;
    entry["id"] = method;
    entry["type"] = "JsonWebKey2020";
    entry["controller"] = id;
    entry["publicKeyJwk"] = jose::jwk_from_key(key);
    out["verificationMethod"] = json::array{std::move(entry)};
    for (const char* purpose : {"authentication", "assertionMethod", "capabilityInvocation", "capabilityDelegation"})
        out[purpose] = json::array{method};
    return out;
}

}  // namespace fairstream::identity::did
