#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwk.hpp"

using namespace fairstream;
using namespace fairstream::identity;
using crypto::SigningKey;

TEST_CASE("did:key of P-256 is the specification's own example") {
    const auto jwk = boost::json::parse(R"({"kty":"EC","crv":"P-256",
        "x":"igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns","y":"efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM"})");
    const auto key = jose::key_from_jwk(jwk).value();
    const char* did = "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv";
    CHECK(did::did_from_key(key) == did);
    CHECK(did::key_from_did(did).value() == key);
}

TEST_CASE("a key and its DID name each other, as DID URL too") {
    const auto key = SigningKey::generate().public_key();
    const auto did = did::did_from_key(key);
    CHECK(did.starts_with("did:key:zDn"));
    CHECK(did::key_from_did(did).value() == key);
    const auto url = did::verification_method(did);
    CHECK(url == did + "#" + did.substr(8));
    CHECK(did::key_from_did(url).value() == key);
    CHECK(did::did_of_url(url) == did);
    CHECK(did::did_of_url(did) == did);
}

TEST_CASE("other DIDs, and other spellings of a good one, are refused") {
    const auto did = did::did_from_key(SigningKey::generate().public_key());
    const auto other = did::did_from_key(SigningKey::generate().public_key());
    const auto refused = [](const std::string& text) {
        const auto key = did::key_from_did(text);
        return !key && key.error().code == "bad_did";
    };
    CHECK(refused(""));
    CHECK(refused("did:key:"));
    CHECK(refused("did:key:z"));
    CHECK(refused("did:web:example.com"));
    CHECK(refused(did + "#"));
    CHECK(refused(did + "#" + other.substr(8)));
    CHECK(refused(did + "1"));
    CHECK(refused(" " + did));
    CHECK(refused("DID:KEY:" + did.substr(8)));
    CHECK(refused(did.substr(0, did.size() - 1)));
    CHECK(refused("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"));  // Ed25519
    CHECK(refused("did:key:z" + std::string(48, '0')));                          // no base58 digit
    CHECK(refused("did:key:z" + std::string(48, 'z')));
    CHECK(refused(std::string(100'000, 'z')));
    Bytes uncompressed = {0x80, 0x24, 0x04};
    append(uncompressed, SigningKey::generate().public_key().xy());
    CHECK(refused("did:key:z" + base::to_base58(uncompressed)));
}

TEST_CASE("the DID document lists the key once, for every purpose") {
    const auto key = SigningKey::generate().public_key();
    const auto did = did::did_from_key(key);
    const auto document = did::document(did, key);
    CHECK(document.at("@context").as_array().at(0).as_string() == "https://www.w3.org/ns/did/v1");
    CHECK(document.at("id").as_string() == did);
    const auto& method = document.at("verificationMethod").as_array().at(0).as_object();
    CHECK(method.at("type").as_string() == "JsonWebKey2020");
    CHECK(method.at("controller").as_string() == did);
    CHECK(method.at("id").as_string() == did::verification_method(did));
    CHECK(jose::key_from_jwk(method.at("publicKeyJwk")).value() == key);
    for (const char* purpose : {"authentication", "assertionMethod", "capabilityInvocation", "capabilityDelegation"})
        CHECK(document.at(purpose).as_array().at(0).as_string() == did::verification_method(did));
}
