#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "identity/crypto/hash.hpp"

using namespace fairstream;
using namespace fairstream::identity::crypto;
using base::from_hex;
using base::to_hex;

TEST_CASE("SHA-256 gives FIPS 180-4's value for abc, in one call, in parts and in pieces") {
    const char* expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    CHECK(to_hex(sha256(as_bytes("abc"))) == expected);
    CHECK(to_hex(sha256_of({as_bytes("a"), {}, as_bytes("bc")})) == expected);
    Hasher hasher;
    hasher.update(as_bytes("ab")).update({}).update(as_bytes("c"));
    CHECK(to_hex(hasher.finish()) == expected);
    CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("HMAC-SHA256 gives RFC 4231's values") {
    CHECK(to_hex(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There"))) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    Hasher hasher(as_bytes("Jefe"));
    hasher.update(as_bytes("what do ya want ")).update(as_bytes("for nothing?"));
    CHECK(to_hex(hasher.finish()) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(to_hex(hmac_sha256(Bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("an empty HMAC key is a key of its own, not the key used before") {
    const Hash before = hmac_sha256({}, as_bytes("x"));
    hmac_sha256(as_bytes("other"), as_bytes("x"));
    CHECK(hmac_sha256({}, as_bytes("x")) == before);
}

TEST_CASE("HKDF-SHA256 gives RFC 5869's values") {
    SECTION("A.1: with salt and info") {
        CHECK(to_hex(hkdf_sha256(Bytes(22, 0x0b), *from_hex("000102030405060708090a0b0c"),
                                 *from_hex("f0f1f2f3f4f5f6f7f8f9"), 42)) ==
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    }
    SECTION("A.2: longer inputs and output") {
        Bytes ikm, salt, info;
        for (int i = 0; i < 80; ++i) {
            ikm.push_back(static_cast<std::uint8_t>(i));
            salt.push_back(static_cast<std::uint8_t>(0x60 + i));
            info.push_back(static_cast<std::uint8_t>(0xb0 + i));
        }
        CHECK(to_hex(hkdf_sha256(ikm, salt, info, 82)) ==
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da327560"
              "0c2f"
              "09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
    }
    SECTION("A.3: no salt, no info") {
        CHECK(to_hex(hkdf_sha256(Bytes(22, 0x0b), {}, {}, 42)) ==
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    }
}

TEST_CASE("random bytes differ from call to call") {
    CHECK(random_bytes(32) != random_bytes(32));
    CHECK(random_hash() != random_hash());
    CHECK(random_bytes(0).empty());
}

TEST_CASE("only 32 bytes are a hash") {
    CHECK(to_hash(Bytes(32, 7)).value()[31] == 7);
    CHECK(to_hash(Bytes(31, 7)).error().code == "bad_length");
    CHECK(to_hash(Bytes(33, 7)).error().code == "bad_length");
}
