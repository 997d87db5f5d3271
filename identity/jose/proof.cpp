#include "identity/jose/proof.hpp"

#include <boost/json/value.hpp>

#include "base/encoding.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/jwt.hpp"

namespace fairstream::identity::jose {

namespace json = boost::json;

namespace {

constexpr std::string_view kTyp = "dpop+jwt";
constexpr std::size_t kMaxJtiBytes = 64;

std::string token_hash(std::string_view access_token) {
    return base::to_base64url(crypto::sha256(as_bytes(access_token)));
}

/// The claim equals `expected`; it is absent if that is empty.
Status same(const json::object& claims, const char* name, std::string_view expected, std::string_view error_code) {
    const auto* member = claims.if_contains(name);
    if (member == nullptr && expected.empty()) return {};
    const auto* text = member != nullptr ? member->if_string() : nullptr;
    if (text != nullptr && !expected.empty() && std::string_view(text->data(), text->size()) == expected) return {};
    return fail(error_code, std::string("the proof's ") + name + " is not what this request needs");
}

}  // namespace

std::string make_proof(const crypto::SigningKey& key, const ProofRequest& request, TimePoint now) {
    json::object claims;
    claims["jti"] = base::to_base64url(crypto::random_bytes(16));
    claims["htm"] = request.method;
    claims["htu"] = request.url;
    claims["iat"] = numeric_date(now);
    if (!request.nonce.empty()) claims["nonce"] = request.nonce;
    if (!request.grant.empty()) claims["grant"] = request.grant;
    if (!request.access_token.empty()) claims["ath"] = token_hash(request.access_token);
    return sign_jwt(key, kTyp, claims, {{"jwk", jwk_from_key(key.public_key())}});
}

Result<Proof> verify_proof(std::string_view proof, const ProofRequest& expected, TimePoint now,
                           const ProofLimits& limits) {
    FS_ASSIGN(const Jwt jwt, parse_jwt(proof, kTyp));
    const auto* jwk = jwt.header.if_contains("jwk");
    if (jwk == nullptr) return fail("bad_jwk", "the proof's header has no jwk");
    Proof out;
    FS_ASSIGN(out.key, key_from_jwk(*jwk));
    if (!jwt.signed_by(out.key)) return fail("bad_signature", "the proof is not signed by the key it names");

    FS_TRY(same(jwt.claims, "htm", expected.method, "wrong_method"));
    FS_TRY(same(jwt.claims, "htu", expected.url, "wrong_url"));
    FS_TRY(same(jwt.claims, "nonce", expected.nonce, "wrong_nonce"));
    FS_TRY(same(jwt.claims, "grant", expected.grant, "wrong_grant"));
    FS_TRY(
        same(jwt.claims, "ath", expected.access_token.empty() ? "" : token_hash(expected.access_token), "wrong_token"));
    FS_ASSIGN(out.id, string_claim(jwt.claims, "jti", kMaxJtiBytes));
    if (out.id.empty()) return fail("bad_claim", "the claim jti is empty");
    FS_ASSIGN(out.issued, time_claim(jwt.claims, "iat"));
    if (out.issued > now + limits.clock_skew) return fail("future_proof", "the proof is from the future");
    if (out.issued + limits.max_age + limits.clock_skew < now) return fail("stale_proof", "the proof is too old");
    out.thumbprint = thumbprint(out.key);
    out.grant = expected.grant;
    return out;
}

}  // namespace fairstream::identity::jose
