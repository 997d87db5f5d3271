#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <functional>

#include "identity/credential/credential.hpp"
#include "identity/credential/presentation.hpp"
#include "identity/credential/timestamp.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwt.hpp"

using namespace fairstream;
using namespace fairstream::identity;
using namespace fairstream::identity::credential;
using crypto::SigningKey;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

const TimePoint t0 = base::from_us(1'790'000'000'000'000);

struct People {
    SigningKey issuer = SigningKey::generate();
    SigningKey seller = SigningKey::generate();
    std::string issuer_did = did::did_from_key(issuer.public_key());
    std::string seller_did = did::did_from_key(seller.public_key());

    CredentialRequest request() const {
        return {"urn:uuid:4f1c1f0e-0000-4000-8000-000000000001",
                seller_did,
                "VerifiedSeller",
                {{"country", "DE"}},
                t0,
                t0 + std::chrono::hours(24)};
    }
    std::string credential() const { return issue(issuer, request()).value(); }

    /// A credential signed by the issuer, of which `change` changed the payload or header.
    std::string changed(const std::function<void(json::object& payload, json::object& header)>& change) const {
        const auto good = jose::parse_jwt(credential(), "vc+jwt").value();
        json::object payload = good.claims;
        json::object header = {{"kid", good.header.at("kid")}};
        change(payload, header);
        return jose::sign_jwt(issuer, "vc+jwt", payload, header);
    }
};

template <typename T>
std::string code(const Result<T>& result) {
    return result ? "good" : result.error().code;
}

}  // namespace

TEST_CASE("a credential says who vouches for whom, as what, for how long") {
    const People people;
    const auto read = verify(people.credential(), t0 + 1h).value();
    CHECK(read.issuer == people.issuer_did);
    CHECK(read.subject == people.seller_did);
    CHECK(read.types == std::vector<std::string>{"VerifiedSeller"});
    CHECK(read.id == people.request().id);
    CHECK(read.valid_from == t0);
    CHECK(read.valid_until == t0 + 24h);
    CHECK(read.claims == json::object{{"country", "DE"}});
}

TEST_CASE("a credential is VC 2.0 as JWT: it is the payload itself, and kid is a DID URL") {
    const People people;
    const auto jwt = jose::parse_jwt(people.credential(), "vc+jwt").value();
    CHECK(jwt.header.at("kid").as_string() == did::verification_method(people.issuer_did));
    CHECK(jwt.claims.at("@context").as_array().at(0).as_string() == "https://www.w3.org/ns/credentials/v2");
    CHECK(jwt.claims.at("type").as_array().at(0).as_string() == "VerifiableCredential");
    CHECK(jwt.claims.at("validFrom").as_string() == "2026-09-21T14:13:20Z");
    CHECK(jwt.claims.at("credentialSubject").as_object().at("id").as_string() == people.seller_did);
    CHECK_FALSE(jwt.claims.contains("vc"));
}

TEST_CASE("a credential counts from its first moment to before its last") {
    const People people;
    const auto jwt = people.credential();
    CHECK(code(verify(jwt, t0 - 1us)) == "not_yet_valid");
    CHECK(code(verify(jwt, t0)) == "good");
    CHECK(code(verify(jwt, t0 + 24h - 1us)) == "good");
    CHECK(code(verify(jwt, t0 + 24h)) == "expired");
}

TEST_CASE("a credential with anything changed, or signed by another, is refused") {
    const People people;
    auto jwt = people.credential();
    const auto middle = jwt.find('.') + 20;
    jwt[middle] = jwt[middle] == 'A' ? 'B' : 'A';
    CHECK_FALSE(verify(jwt, t0));

    const auto other = SigningKey::generate();
    const auto other_did = did::did_from_key(other.public_key());
    const auto good = jose::parse_jwt(people.credential(), "vc+jwt").value();
    const auto kid_of_issuer = json::object{{"kid", good.header.at("kid")}};
    CHECK(code(verify(jose::sign_jwt(other, "vc+jwt", good.claims, kid_of_issuer), t0)) == "bad_signature");
    const auto kid_of_other = json::object{{"kid", json::string(did::verification_method(other_did))}};
    CHECK(code(verify(jose::sign_jwt(other, "vc+jwt", good.claims, kid_of_other), t0)) == "bad_credential");
    CHECK(code(verify(jose::sign_jwt(people.issuer, "JWT", good.claims, kid_of_issuer), t0)) == "bad_typ");
    CHECK(code(verify(jose::sign_jwt(people.issuer, "vp+jwt", good.claims, kid_of_issuer), t0)) == "bad_typ");
}

TEST_CASE("only the shape of VC 2.0 is accepted, whoever signed it") {
    const People people;
    const auto verdict = [&](auto change) { return code(verify(people.changed(change), t0)); };
    CHECK(verdict([](auto&, auto&) {}) == "good");
    CHECK(verdict([](auto&, auto& h) { h.erase("kid"); }) == "bad_credential");
    CHECK(verdict([](auto&, auto& h) { h["kid"] = "did:web:example.com#k"; }) == "bad_did");
    CHECK(verdict([&](auto&, auto& h) { h["kid"] = people.issuer_did; }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p.erase("@context"); }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["@context"] = {"https://www.w3.org/2018/credentials/v1"}; }) ==
          "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["type"] = {"VerifiedSeller"}; }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["type"] = "VerifiableCredential"; }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["type"] = json::array(100, "x"); }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["issuer"] = "Acme"; }) == "bad_credential");
    CHECK(verdict([&](auto& p, auto&) { p["issuer"] = {{"id", people.issuer_did}, {"name", "Acme"}}; }) == "good");
    CHECK(verdict([](auto& p, auto&) { p.erase("credentialSubject"); }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["credentialSubject"] = json::array(); }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["credentialSubject"] = {{"id", "bob"}}; }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p.erase("id"); }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["id"] = "not a uri"; }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p.erase("validUntil"); }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["validFrom"] = "yesterday"; }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["vc"] = json::object(); }) == "bad_credential");
    CHECK(verdict([](auto& p, auto&) { p["padding"] = std::string(9'000, 'x'); }) == "too_large");
}

TEST_CASE("an issuer cannot make a credential that nobody would accept") {
    const People people;
    const auto verdict = [&](auto change) {
        auto request = people.request();
        change(request);
        return code(issue(people.issuer, request));
    };
    CHECK(verdict([](auto&) {}) == "good");
    CHECK(verdict([](auto& r) { r.id = "1"; }) == "bad_credential");
    CHECK(verdict([](auto& r) { r.subject = "bob"; }) == "bad_credential");
    CHECK(verdict([](auto& r) { r.type = ""; }) == "bad_credential");
    CHECK(verdict([](auto& r) { r.type = "VerifiableCredential"; }) == "bad_credential");
    CHECK(verdict([](auto& r) { r.valid_until = r.valid_from; }) == "bad_credential");
    CHECK(verdict([](auto& r) { r.claims["id"] = "did:key:other"; }) == "bad_credential");
    CHECK(verdict([](auto& r) { r.claims["text"] = std::string(10'000, 'x'); }) == "bad_credential");
}

TEST_CASE("a presentation shows that the credential's subject is here, to this audience") {
    const People people;
    const auto jwt = present(people.seller, people.credential(), "testnet", "request-1", t0).value();
    const auto read = verify_presentation(jwt, "testnet", t0 + 10s).value();
    CHECK(read.holder == people.seller_did);
    CHECK(read.nonce == "request-1");
    CHECK(read.issued == t0);
    CHECK(read.credential.issuer == people.issuer_did);
    CHECK(read.credential.subject == people.seller_did);
    CHECK(code(verify_presentation(jwt, "othernet", t0)) == "wrong_audience");
}

TEST_CASE("a stolen credential is of no use to another") {
    const People people;
    const auto thief = SigningKey::generate();
    const auto stolen = present(thief, people.credential(), "testnet", "request-1", t0).value();
    CHECK(code(verify_presentation(stolen, "testnet", t0)) == "wrong_holder");

    auto claims = jose::parse_jwt(present(people.seller, people.credential(), "testnet", "n", t0).value(), "vp+jwt")
                      .value()
                      .claims;
    const auto kid = [](const SigningKey& key) {
        return json::object{{"kid", json::string(did::verification_method(did::did_from_key(key.public_key())))}};
    };
    CHECK(code(verify_presentation(jose::sign_jwt(thief, "vp+jwt", claims, kid(thief)), "testnet", t0)) ==
          "wrong_holder");
    CHECK(code(verify_presentation(jose::sign_jwt(thief, "vp+jwt", claims, kid(people.seller)), "testnet", t0)) ==
          "bad_signature");
    CHECK(code(verify_presentation(people.credential(), "testnet", t0)) == "bad_typ");
}

TEST_CASE("a presentation is fresh, and its credential valid at that time") {
    const People people;
    const auto jwt = present(people.seller, people.credential(), "testnet", "n", t0 + 10min).value();
    CHECK(code(verify_presentation(jwt, "testnet", t0 + 10min + 330s)) == "good");
    CHECK(code(verify_presentation(jwt, "testnet", t0 + 10min + 331s)) == "stale_presentation");
    CHECK(code(verify_presentation(jwt, "testnet", t0 + 10min - 31s)) == "future_presentation");
    const auto late = present(people.seller, people.credential(), "testnet", "n", t0 + 24h).value();
    CHECK(code(verify_presentation(late, "testnet", t0 + 24h)) == "expired");
}

TEST_CASE("a presentation holds exactly one enveloped credential") {
    const People people;
    const auto good =
        jose::parse_jwt(present(people.seller, people.credential(), "testnet", "n", t0).value(), "vp+jwt").value();
    const auto verdict = [&](auto change) {
        json::object claims = good.claims;
        change(claims);
        return code(verify_presentation(
            jose::sign_jwt(people.seller, "vp+jwt", claims, {{"kid", good.header.at("kid")}}), "testnet", t0));
    };
    CHECK(verdict([](auto&) {}) == "good");
    CHECK(verdict([](auto& c) { c.erase("verifiableCredential"); }) == "bad_presentation");
    CHECK(verdict([](auto& c) { c["verifiableCredential"] = json::array(); }) == "bad_presentation");
    CHECK(verdict([](auto& c) {
              auto& list = c["verifiableCredential"].as_array();
              list.push_back(list[0]);
          }) == "bad_presentation");
    CHECK(verdict([](auto& c) {
              c["verifiableCredential"].as_array()[0].as_object()["id"] = "data:text/plain,hello";
          }) == "bad_presentation");
    CHECK(verdict([](auto& c) { c["type"] = "VerifiableCredential"; }) == "bad_presentation");
    CHECK(verdict([](auto& c) { c.erase("aud"); }) == "bad_claim");
    CHECK(verdict([](auto& c) { c.erase("nonce"); }) == "bad_claim");
    CHECK(verdict([](auto& c) { c["iat"] = "now"; }) == "bad_claim");
    CHECK(code(present(people.seller, std::string(9'000, 'x'), "testnet", "n", t0)) == "bad_presentation");
}

TEST_CASE("the largest credential still fits into a presentation") {
    const People people;
    auto request = people.request();
    request.claims["text"] = std::string(5'350, 'x');
    const auto jwt = issue(people.issuer, request).value();
    CHECK(jwt.size() > kMaxCredentialBytes - 400);
    CHECK(code(verify_presentation(present(people.seller, jwt, "testnet", "n", t0).value(), "testnet", t0)) == "good");
}

TEST_CASE("times are written and read as VC 2.0 has them") {
    CHECK(to_timestamp(t0 + 999'999us) == "2026-09-21T14:13:20Z");
    CHECK(from_timestamp("2026-09-21T14:13:20Z").value() == t0);
    CHECK(from_timestamp("2026-09-21T14:13:20.5Z").value() == t0 + 500ms);
    CHECK(from_timestamp("2026-09-21T16:13:20+02:00").value() == t0);
    CHECK(from_timestamp("2026-09-21T08:43:20-05:30").value() == t0);
    CHECK(from_timestamp("2024-02-29T00:00:00Z"));
    for (const char* bad :
         {"", "2026-09-21", "2026-09-21T14:13:20", "2026-09-21 14:13:20Z", "2026-9-21T14:13:20Z",
          "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-09-21T24:00:00Z", "2026-09-21T14:60:00Z",
          "2026-09-21T14:13:60Z", "2026-09-21T14:13:20.Z", "2026-09-21T14:13:20.1234567Z", "2026-09-21T14:13:20Zx",
          "2026-09-21T14:13:20+15:00", "2026-09-21T14:13:20+0200", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
          "+026-09-21T14:13:20Z"})
        CHECK(code(from_timestamp(bad)) == "bad_time");
}
