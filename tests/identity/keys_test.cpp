#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/crypto/keys.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::identity::crypto;
using base::from_hex;
using base::to_hex;

namespace {

/// The other value of s that plain ECDSA would accept: n - s.
Signature with_high_s(const Signature& signature) {
    const Bytes n = *from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    Signature out = signature;
    int borrow = 0;
    for (int i = 31; i >= 0; --i) {
        const auto at = static_cast<std::size_t>(i);
        int digit = n[at] - signature[32 + at] - borrow;
        borrow = digit < 0 ? 1 : 0;
        out[32 + at] = static_cast<std::uint8_t>(digit + 256 * borrow);
    }
    return out;
}

}  // namespace

TEST_CASE("a signature verifies under its key and over its message only") {
    const auto key = SigningKey::generate();
    const auto signature = key.sign(as_bytes("reading 21.5"));
    CHECK(key.public_key().verify(as_bytes("reading 21.5"), signature));
    CHECK(key.public_key().verify_digest(sha256(as_bytes("reading 21.5")), signature));
    CHECK_FALSE(key.public_key().verify(as_bytes("reading 21.6"), signature));
    CHECK_FALSE(SigningKey::generate().public_key().verify(as_bytes("reading 21.5"), signature));
}

TEST_CASE("RFC 6979's P-256 signature of 'sample' verifies once its s is brought low") {
    const auto key =
        SigningKey::from_scalar(*from_hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")).value();
    CHECK(to_hex(key.public_key().xy()) ==
          "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
          "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    const auto published = to_signature(*from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                                                  "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"))
                               .value();
    CHECK_FALSE(key.public_key().verify(as_bytes("sample"), published));  // its s is high
    CHECK(key.public_key().verify(as_bytes("sample"), with_high_s(published)));
}

TEST_CASE("signatures have low s, and the twin with high s is refused") {
    const auto key = SigningKey::generate();
    for (int i = 0; i < 32; ++i) {
        const Bytes message = {static_cast<std::uint8_t>(i)};
        const auto signature = key.sign(message);
        CHECK(signature[32] <= 0x7f);
        CHECK(key.public_key().verify(message, signature));
        CHECK_FALSE(key.public_key().verify(message, with_high_s(signature)));
        CHECK(signature_from_der(signature_to_der(signature)) == signature);
        CHECK(signature_from_der(signature_to_der(with_high_s(signature))) == signature);
    }
}

TEST_CASE("every flipped bit of a signature is refused") {
    const auto key = SigningKey::generate();
    const auto signature = key.sign(as_bytes("m"));
    for (std::size_t i = 0; i < 8 * signature.size(); ++i) {
        Signature changed = signature;
        changed[i / 8] = static_cast<std::uint8_t>(changed[i / 8] ^ (1u << (i % 8)));
        CHECK_FALSE(key.public_key().verify(as_bytes("m"), changed));
    }
    CHECK_FALSE(key.public_key().verify(as_bytes("m"), Signature{}));
}

TEST_CASE("DER signatures are read strictly") {
    const auto der = signature_to_der(SigningKey::generate().sign(as_bytes("m")));
    CHECK(signature_from_der({}).error().code == "bad_signature");
    CHECK(signature_from_der(ByteView(der).first(der.size() - 1)).error().code == "bad_signature");
    Bytes longer = der;
    longer.push_back(0);
    CHECK(signature_from_der(longer).error().code == "bad_signature");
    CHECK(signature_from_der(*from_hex("3006020100020101")).error().code == "bad_signature");  // r = 0
    CHECK(signature_from_der(*from_hex("30060201ff020101")).error().code == "bad_signature");  // r < 0
    CHECK(signature_from_der(Bytes(1000, 0x30)).error().code == "bad_signature");
    CHECK(to_signature(Bytes(63)).error().code == "bad_length");
}

TEST_CASE("public keys are read compressed or not, and refused off the curve") {
    const auto key = SigningKey::generate().public_key();
    Bytes uncompressed = {0x04};
    append(uncompressed, key.xy());
    CHECK(VerifyingKey::from_sec1(key.compressed()).value() == key);
    CHECK(VerifyingKey::from_sec1(uncompressed).value() == key);
    CHECK(VerifyingKey::from_pem(key.to_pem()).value() == key);

    Bytes off_curve = uncompressed;
    off_curve[64] = static_cast<std::uint8_t>(off_curve[64] ^ 1);
    CHECK(VerifyingKey::from_sec1(off_curve).error().code == "bad_key");
    Bytes hybrid = uncompressed;
    hybrid[0] = static_cast<std::uint8_t>(0x06 | (uncompressed[64] & 1));
    CHECK(VerifyingKey::from_sec1(hybrid).error().code == "bad_key");
    CHECK(VerifyingKey::from_sec1({}).error().code == "bad_key");
    CHECK(VerifyingKey::from_sec1(Bytes{0}).error().code == "bad_key");  // the identity
    CHECK(VerifyingKey::from_sec1(Bytes(33, 0xff)).error().code == "bad_key");
    Bytes too_large_x(33, 0xff);
    too_large_x[0] = 0x02;
    CHECK(VerifyingKey::from_sec1(too_large_x).error().code == "bad_key");
    CHECK(VerifyingKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").error().code ==
          "bad_key");
    CHECK(VerifyingKey::from_spki_der(Bytes(91, 0)).error().code == "bad_key");
}

TEST_CASE("private scalars are 32 bytes from 1 to n-1") {
    CHECK(SigningKey::from_scalar(Bytes(32, 0)).error().code == "bad_key");
    CHECK(SigningKey::from_scalar(Bytes(31, 1)).error().code == "bad_key");
    const Bytes n = *from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    CHECK(SigningKey::from_scalar(n).error().code == "bad_key");
    Bytes below = n;
    --below[31];
    CHECK(SigningKey::from_scalar(below).value().scalar() == below);
}

TEST_CASE("ECDH gives the same secret on both sides, and RFC 5903's value") {
    const auto a = SigningKey::generate();
    const auto b = SigningKey::generate();
    CHECK(a.ecdh(b.public_key()).value() == b.ecdh(a.public_key()).value());
    const auto i =
        SigningKey::from_scalar(*from_hex("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433")).value();
    const auto r =
        SigningKey::from_scalar(*from_hex("C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53")).value();
    CHECK(to_hex(i.ecdh(r.public_key()).value()) == "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
}

TEST_CASE("a key file has mode 0600 and is never replaced") {
    const fairstream::tests::TemporaryFolder folder;
    const auto file = folder.path() / "key.pem";
    const auto key = SigningKey::generate();
    REQUIRE(key.save(file));
    struct stat about {};
    REQUIRE(::stat(file.c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
    CHECK(SigningKey::load(file).value().scalar() == key.scalar());
    CHECK(SigningKey::generate().save(file).error().code == "exists");
    CHECK(SigningKey::load(file).value().scalar() == key.scalar());
}

TEST_CASE("a key file that others may read is refused") {
    const fairstream::tests::TemporaryFolder folder;
    const auto file = folder.path() / "key.pem";
    REQUIRE(SigningKey::generate().save(file));
    for (const mode_t mode : {0640u, 0604u, 0660u, 0610u}) {
        REQUIRE(::chmod(file.c_str(), mode) == 0);
        CHECK(SigningKey::load(file).error().code == "bad_mode");
    }
    CHECK(SigningKey::load(folder.path() / "none.pem").error().code == "not_found");
}

TEST_CASE("a passphrase seals the key file") {
    const fairstream::tests::TemporaryFolder folder;
    const auto file = folder.path() / "key.pem";
    const auto key = SigningKey::generate();
    REQUIRE(key.save(file, "correct horse"));
    const auto text = base::to_string(base::read_file(file).value());
    CHECK(text.find("BEGIN ENCRYPTED PRIVATE KEY") != std::string::npos);
    CHECK(SigningKey::load(file, "correct horse").value().scalar() == key.scalar());
    CHECK(SigningKey::load(file, "wrong horse").error().code == "wrong_passphrase");
    CHECK(SigningKey::load(file).error().code == "wrong_passphrase");
}

TEST_CASE("what is no PKCS#8 key of P-256 is refused") {
    CHECK(SigningKey::from_pem("").error().code == "bad_key");
    CHECK(SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n").error().code ==
          "bad_key");
    CHECK(SigningKey::from_pem(std::string(20'000, 'A')).error().code == "bad_key");
    CHECK(SigningKey::from_pem(SigningKey::generate().public_key().to_pem()).error().code == "bad_key");
}

TEST_CASE("what is signed names the message type and the network") {
    CHECK(to_hex(signing_input("x/v1", "net", as_bytes("p"))) ==
          "0000000f" + to_hex(as_bytes("fairstream/x/v1")) + "00000003" + to_hex(as_bytes("net")) + "00000001" + "70");
}

TEST_CASE("a key may be used by several threads at once") {
    const auto key = SigningKey::generate();
    const auto verifier = key.public_key();
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                const Bytes message = {static_cast<std::uint8_t>(t), static_cast<std::uint8_t>(i)};
                if (verifier.verify(message, key.sign(message))) ++good;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(good == 800);
}
