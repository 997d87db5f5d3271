#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/jwt.hpp"
#include "identity/jose/proof.hpp"
#include "identity/jose/strict_json.hpp"

using namespace fairstream;
using namespace fairstream::identity::crypto;
using namespace fairstream::identity::jose;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

const TimePoint t0 = base::from_us(1'790'000'000'000'000);

std::string part(std::string_view text) {
    return base::to_base64url(as_bytes(text));
}

/// A JWT of exactly these texts, signed properly: what a hostile client with a key of its own can send.
std::string signed_texts(const SigningKey& key, std::string_view header, std::string_view claims) {
    const std::string input = part(header) + "." + part(claims);
    return input + "." + base::to_base64url(key.sign(as_bytes(input)));
}

}  // namespace

TEST_CASE("RFC 7515's ES256 token (appendix A.3) is read with its key and signature") {
    const auto jwk = json::parse(R"({"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
    const auto key = key_from_jwk(jwk).value();
    const std::string input =
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ";
    const auto published =
        base::from_base64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    const auto low = signature_from_der(signature_to_der(to_signature(published.value()).value())).value();
    CHECK(key.verify(as_bytes(input), low));
    CHECK(parse_jwt(input + "." + base::to_base64url(low), "JWT").error().code == "bad_typ");  // it has no typ
}

TEST_CASE("the thumbprint is RFC 7638's: SHA-256 of the required members in order, without blanks") {
    const auto key = SigningKey::generate().public_key();
    const auto jwk = jwk_from_key(key);
    const std::string canonical = "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" + std::string(jwk.at("x").as_string()) +
                                  "\",\"y\":\"" + std::string(jwk.at("y").as_string()) + "\"}";
    CHECK(thumbprint(key) == base::to_base64url(sha256(as_bytes(canonical))));
    // RFC 9449's own example key.
    const auto dpop = json::parse(R"({"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"})");
    CHECK(thumbprint(key_from_jwk(dpop).value()) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

TEST_CASE("a public JWK round-trips, and anything else is refused") {
    const auto key = SigningKey::generate().public_key();
    const auto jwk = jwk_from_key(key);
    CHECK(key_from_jwk(jwk).value() == key);
    const auto refused = [&](auto change) {
        auto changed = jwk;
        change(changed);
        return key_from_jwk(changed).error().code == "bad_jwk";
    };
    CHECK(refused([](auto& j) { j["d"] = "AA"; }));
    CHECK(refused([](auto& j) { j["kty"] = "OKP"; }));
    CHECK(refused([](auto& j) { j["crv"] = "secp256k1"; }));
    CHECK(refused([](auto& j) { j.erase("y"); }));
    CHECK(refused([](auto& j) { j["x"] = 7; }));
    CHECK(refused([](auto& j) { j["x"] = std::string(43, 'A'); }));
    CHECK(refused([](auto& j) { j["x"] = std::string(43, '='); }));
    CHECK(refused([](auto& j) { j["y"] = std::string(44, 'A'); }));
    CHECK(key_from_jwk(json::array()).error().code == "bad_jwk");
}

TEST_CASE("a token verifies under its key and as its type only") {
    const auto key = SigningKey::generate();
    const auto jwt = sign_jwt(key, "at+jwt", {{"sub", "x"}, {"exp", 12}}, {{"kid", "k1"}});
    const auto read = verify_jwt(jwt, "at+jwt", key.public_key()).value();
    CHECK(read.claims.at("sub").as_string() == "x");
    CHECK(read.header.at("kid").as_string() == "k1");
    CHECK(read.header.at("alg").as_string() == "ES256");
    CHECK(verify_jwt(jwt, "at+jwt", SigningKey::generate().public_key()).error().code == "bad_signature");
    CHECK(verify_jwt(jwt, "dpop+jwt", key.public_key()).error().code == "bad_typ");
}

TEST_CASE("no change of a single character of a token goes unnoticed") {
    const auto key = SigningKey::generate();
    const auto jwt = sign_jwt(key, "at+jwt", {{"sub", "x"}});
    for (std::size_t i = 0; i < jwt.size(); ++i) {
        auto changed = jwt;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        CHECK_FALSE(verify_jwt(changed, "at+jwt", key.public_key()));
    }
    CHECK_FALSE(verify_jwt(jwt + "A", "at+jwt", key.public_key()));
    CHECK_FALSE(verify_jwt(jwt.substr(0, jwt.size() - 1), "at+jwt", key.public_key()));
}

TEST_CASE("algorithm confusion is refused, even when the bytes are signed") {
    const auto key = SigningKey::generate();
    for (const char* alg : {"none", "None", "HS256", "es256", "ES384", "ES256K", "RS256", ""}) {
        const std::string header = R"({"alg":")" + std::string(alg) + R"(","typ":"at+jwt"})";
        CHECK(verify_jwt(signed_texts(key, header, "{}"), "at+jwt", key.public_key()).error().code == "bad_alg");
    }
    CHECK(verify_jwt(signed_texts(key, R"({"typ":"at+jwt"})", "{}"), "at+jwt", key.public_key()).error().code ==
          "bad_alg");
    // An HMAC keyed with the public key's text, as in the classic attack.
    const std::string input = part(R"({"alg":"HS256","typ":"at+jwt"})") + "." + part("{}");
    const auto mac = hmac_sha256(as_bytes(key.public_key().to_pem()), as_bytes(input));
    CHECK(verify_jwt(input + "." + base::to_base64url(mac), "at+jwt", key.public_key()).error().code == "bad_alg");
    const std::string unsigned_token = part(R"({"alg":"none","typ":"at+jwt"})") + "." + part("{}") + ".";
    CHECK(verify_jwt(unsigned_token, "at+jwt", key.public_key()).error().code == "bad_alg");
}

TEST_CASE("what is not one strict compact JWS is refused") {
    const auto key = SigningKey::generate();
    const auto code = [&](std::string_view header, std::string_view claims) {
        const auto read = verify_jwt(signed_texts(key, header, claims), "t", key.public_key());
        return read ? "good" : read.error().code;
    };
    const char* good = R"({"alg":"ES256","typ":"t"})";
    CHECK(code(good, "{}") == "good");
    CHECK(code(good, "[]") == "bad_jwt");
    CHECK(code(good, "") == "bad_jwt");
    CHECK(code(good, "{}x") == "bad_jwt");
    CHECK(code(good, R"({"sub":"a","sub":"b"})") == "bad_jwt");
    CHECK(code(good, R"({"a":{"sub":"a","sub":"b"}})") == "bad_jwt");
    CHECK(code(good, R"({"a":[{"x":1},{"x":1}],"x":1})") == "good");
    CHECK(code(R"({"alg":"none","alg":"ES256","typ":"t"})", "{}") == "bad_jwt");
    CHECK(code(R"({"alg":"ES256","typ":"t","crit":["exp"]})", "{}") == "bad_jwt");
    CHECK(code(R"({"alg":"ES256","typ":"t","b64":false})", "{}") == "bad_jwt");
    CHECK(code(good, "{\"a\":" + std::string(20, '[') + std::string(20, ']') + "}") == "bad_jwt");
    CHECK(code(good, "{\"a\":\"\xff\"}") == "bad_jwt");
    for (const char* text : {"", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.", "e30=.e30.AA"})
        CHECK(parse_jwt(text, "t").error().code == (std::string_view(text) == "e30.e30." ? "bad_alg" : "bad_jwt"));
}

TEST_CASE("tokens have at most 16 KiB") {
    const auto key = SigningKey::generate();
    const auto jwt = sign_jwt(key, "t", {{"a", std::string(kMaxJwtBytes, 'x')}});
    CHECK(verify_jwt(jwt, "t", key.public_key()).error().code == "too_large");
}

TEST_CASE("claims are of the kind they must be") {
    const json::object claims =
        json::parse(R"({"s":"text","n":5,"neg":-5,"f":1.5,"big":1e30,"huge":99999999999999})").as_object();
    CHECK(string_claim(claims, "s").value() == "text");
    CHECK(string_claim(claims, "s", 3).error().code == "bad_claim");
    CHECK(string_claim(claims, "n").error().code == "bad_claim");
    CHECK(string_claim(claims, "none").error().code == "bad_claim");
    CHECK(time_claim(claims, "n").value() == TimePoint(5s));
    for (const char* name : {"neg", "f", "big", "huge", "s", "none"})
        CHECK(time_claim(claims, name).error().code == "bad_claim");
}

namespace {

const ProofRequest kRequest = {"POST", "https://operator1.example/v1/sessions", "nonce-1", "grant-7", ""};

}  // namespace

TEST_CASE("a proof shows who asks, for what, now") {
    const auto key = SigningKey::generate();
    const auto proof = verify_proof(make_proof(key, kRequest, t0), kRequest, t0 + 3s).value();
    CHECK(proof.key == key.public_key());
    CHECK(proof.thumbprint == thumbprint(key.public_key()));
    CHECK(proof.issued == t0);
    CHECK(proof.grant == "grant-7");
    CHECK(proof.id.size() == 22);
    CHECK(verify_proof(make_proof(key, kRequest, t0), kRequest, t0).value().id != proof.id);
}

TEST_CASE("a proof about anything else is refused, and named") {
    const auto proof = make_proof(SigningKey::generate(), kRequest, t0);
    const auto code = [&](auto change) {
        auto expected = kRequest;
        change(expected);
        const auto verdict = verify_proof(proof, expected, t0);
        return verdict ? "good" : verdict.error().code;
    };
    CHECK(code([](auto&) {}) == "good");
    CHECK(code([](auto& r) { r.method = "GET"; }) == "wrong_method");
    CHECK(code([](auto& r) { r.url = "https://operator2.example/v1/sessions"; }) == "wrong_url");
    CHECK(code([](auto& r) { r.nonce = "nonce-2"; }) == "wrong_nonce");
    CHECK(code([](auto& r) { r.nonce = ""; }) == "wrong_nonce");
    CHECK(code([](auto& r) { r.grant = "grant-8"; }) == "wrong_grant");
    CHECK(code([](auto& r) { r.grant = ""; }) == "wrong_grant");
    CHECK(code([](auto& r) { r.access_token = "token"; }) == "wrong_token");
}

TEST_CASE("a proof is bound to the access token it is shown with") {
    auto request = kRequest;
    request.access_token = "aaa.bbb.ccc";
    const auto proof = make_proof(SigningKey::generate(), request, t0);
    CHECK(verify_proof(proof, request, t0));
    request.access_token = "aaa.bbb.ccd";
    CHECK(verify_proof(proof, request, t0).error().code == "wrong_token");
}

TEST_CASE("a proof lives for a minute, give or take the clocks' skew") {
    const auto proof = make_proof(SigningKey::generate(), kRequest, t0);
    CHECK(verify_proof(proof, kRequest, t0 + 65s));
    CHECK(verify_proof(proof, kRequest, t0 + 66s).error().code == "stale_proof");
    CHECK(verify_proof(proof, kRequest, t0 - 5s));
    CHECK(verify_proof(proof, kRequest, t0 - 6s).error().code == "future_proof");
}

TEST_CASE("a proof under another key than the one in its header is refused") {
    const auto key = SigningKey::generate();
    const auto other = SigningKey::generate();
    const json::object claims = {{"jti", "j"}, {"htm", "GET"}, {"htu", "https://o/"}, {"iat", numeric_date(t0)}};
    const ProofRequest request = {"GET", "https://o/", "", "", ""};
    const auto with_header = [&](const json::object& header) {
        const auto verdict = verify_proof(sign_jwt(key, "dpop+jwt", claims, header), request, t0);
        return verdict ? "good" : verdict.error().code;
    };
    CHECK(with_header({{"jwk", jwk_from_key(key.public_key())}}) == "good");
    CHECK(with_header({{"jwk", jwk_from_key(other.public_key())}}) == "bad_signature");
    CHECK(with_header({}) == "bad_jwk");
    CHECK(with_header({{"jwk", "text"}}) == "bad_jwk");
}
