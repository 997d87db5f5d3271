#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "base/file.hpp"
#include "identity/crypto/keys.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "identity/msp/trusted_organisations.hpp"
#include "tests/support/temporary_folder.hpp"

/// The `openssl` program reads what we write and we read what it writes: keys, signatures, ECDH, certificates.
/// It shares OpenSSL's library with us, so it checks formats and our use of it; tests/outside checks the mathematics.

using namespace fairstream;
using namespace fairstream::identity::crypto;
using namespace std::chrono_literals;

namespace {

struct Run {
    int status = -1;
    std::string output;  // standard output and error
};

/// `openssl` with these arguments in `folder`; they are of this file alone, so no quoting is needed.
Run openssl_program(const fairstream::tests::TemporaryFolder& folder, const std::string& arguments) {
    Run out;
    FILE* pipe = ::popen(("cd '" + folder.path().string() + "' && openssl " + arguments + " 2>&1").c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::array<char, 4096> buffer{};
    while (const std::size_t got = ::fread(buffer.data(), 1, buffer.size(), pipe))
        out.output.append(buffer.data(), got);
    const int status = ::pclose(pipe);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
}

void write(const fairstream::tests::TemporaryFolder& folder, const char* name, ByteView contents) {
    REQUIRE(base::write_file(folder.path() / name, contents, 0600));
}

Bytes read(const fairstream::tests::TemporaryFolder& folder, const char* name) {
    return base::read_file(folder.path() / name).value();
}

}  // namespace

TEST_CASE("openssl verifies our signatures, and not over another message") {
    const fairstream::tests::TemporaryFolder folder;
    const auto key = SigningKey::generate();
    write(folder, "public.pem", as_bytes(key.public_key().to_pem()));
    write(folder, "message", as_bytes("21.5 C"));
    write(folder, "other", as_bytes("99.9 C"));
    write(folder, "signature.der", signature_to_der(key.sign(as_bytes("21.5 C"))));
    CHECK(openssl_program(folder, "dgst -sha256 -verify public.pem -signature signature.der message").status == 0);
    CHECK(openssl_program(folder, "dgst -sha256 -verify public.pem -signature signature.der other").status != 0);
}

TEST_CASE("we verify openssl's signatures by a key that it made") {
    const fairstream::tests::TemporaryFolder folder;
    REQUIRE(openssl_program(folder, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem").status == 0);
    REQUIRE(openssl_program(folder, "pkey -in key.pem -pubout -out public.pem").status == 0);
    write(folder, "message", as_bytes("21.5 C"));
    const auto key = VerifyingKey::from_pem(as_text(read(folder, "public.pem"))).value();
    CHECK(SigningKey::load(folder.path() / "key.pem").value().public_key() == key);
    for (int i = 0; i < 8; ++i) {  // about half of openssl's have high s, which reading brings low
        REQUIRE(openssl_program(folder, "dgst -sha256 -sign key.pem -out signature.der message").status == 0);
        const auto signature = signature_from_der(read(folder, "signature.der")).value();
        CHECK(key.verify(as_bytes("21.5 C"), signature));
        CHECK_FALSE(key.verify(as_bytes("21.6 C"), signature));
    }
}

TEST_CASE("openssl opens our sealed key file with its passphrase only, and we open openssl's") {
    const fairstream::tests::TemporaryFolder folder;
    const auto key = SigningKey::generate();
    REQUIRE(key.save(folder.path() / "sealed.pem", "correct horse"));
    REQUIRE(openssl_program(folder, "pkey -in sealed.pem -passin 'pass:correct horse' -out open.pem").status == 0);
    CHECK(SigningKey::from_pem(as_text(read(folder, "open.pem"))).value().scalar() == key.scalar());
    CHECK(openssl_program(folder, "pkey -in sealed.pem -passin pass:wrong -noout").status != 0);
    REQUIRE(openssl_program(folder, "pkcs8 -topk8 -in open.pem -v2 aes-256-cbc -passout pass:other -out theirs.pem")
                .status == 0);
    CHECK(SigningKey::from_pem(as_text(read(folder, "theirs.pem")), "other").value().scalar() == key.scalar());
}

TEST_CASE("keys on other curves are refused") {
    const fairstream::tests::TemporaryFolder folder;
    for (const char* kind :
         {"EC -pkeyopt ec_paramgen_curve:P-384", "EC -pkeyopt ec_paramgen_curve:secp256k1", "ED25519"}) {
        INFO(kind);
        REQUIRE(openssl_program(folder, std::string("genpkey -algorithm ") + kind + " -out key.pem").status == 0);
        REQUIRE(openssl_program(folder, "pkey -in key.pem -pubout -out public.pem").status == 0);
        CHECK(SigningKey::from_pem(as_text(read(folder, "key.pem"))).error().code == "bad_key");
        CHECK(VerifyingKey::from_pem(as_text(read(folder, "public.pem"))).error().code == "bad_key");
    }
}

TEST_CASE("openssl agrees with us on an ECDH secret") {
    const fairstream::tests::TemporaryFolder folder;
    const auto ours = SigningKey::generate();
    const auto theirs = SigningKey::generate();
    REQUIRE(theirs.save(folder.path() / "theirs.pem"));
    write(folder, "ours.pem", as_bytes(ours.public_key().to_pem()));
    REQUIRE(openssl_program(folder, "pkeyutl -derive -inkey theirs.pem -peerkey ours.pem -out secret").status == 0);
    CHECK(ours.ecdh(theirs.public_key()).value() == read(folder, "secret"));
}

TEST_CASE("openssl accepts our members' certificates under their own CA, for TLS, by name and address") {
    using namespace fairstream::identity::msp;
    const fairstream::tests::TemporaryFolder folder;
    const auto now = base::wall_now();
    const Validity validity = {now - 1h, now + 24h};
    const auto ca = OrganisationCa::create("org1", validity).value();
    const auto other = OrganisationCa::create("org2", validity).value();
    const CertificateRequest request = {
        Role::kNode,          "node1", SigningKey::generate().public_key(), {"localhost"}, {"127.0.0.1", "::1"},
        {now - 1h, now + 12h}};
    write(folder, "ca.pem", as_bytes(ca.certificate_pem()));
    write(folder, "other.pem", as_bytes(other.certificate_pem()));
    write(folder, "node.pem", as_bytes(ca.issue(request).value().to_pem()));
    const std::string base_command = "verify -x509_strict -no-CApath -no-CAfile -no-CAstore ";
    CHECK(openssl_program(folder, base_command + "-trusted ca.pem node.pem").status == 0);
    CHECK(
        openssl_program(folder, base_command + "-trusted ca.pem -purpose sslserver -verify_hostname localhost node.pem")
            .status == 0);
    CHECK(openssl_program(folder, base_command + "-trusted ca.pem -purpose sslclient -verify_ip ::1 node.pem").status ==
          0);
    CHECK(openssl_program(folder, base_command + "-trusted ca.pem -verify_hostname example.com node.pem").status != 0);
    CHECK(openssl_program(folder, base_command + "-trusted other.pem node.pem").status != 0);
    const auto text = openssl_program(folder, "x509 -in node.pem -noout -text").output;
    INFO(text);
    CHECK(text.find("O = org1, OU = node, CN = node1") != std::string::npos);
    CHECK(text.find("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1") != std::string::npos);
    CHECK(text.find("CA:FALSE") != std::string::npos);
}

TEST_CASE("a certificate that openssl issued under an organisation's CA is a member's") {
    using namespace fairstream::identity::msp;
    const fairstream::tests::TemporaryFolder folder;
    const auto now = base::wall_now();
    const auto ca = OrganisationCa::create("org1", {now - 1h, now + 240h}).value();
    REQUIRE(ca.save(folder.path()));
    REQUIRE(openssl_program(folder,
                            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem "
                            "-subj /O=org1/OU=admin/CN=alice -out request.pem")
                .status == 0);
    write(folder, "extensions", as_bytes("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"));
    REQUIRE(openssl_program(folder,
                            "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 1 "
                            "-extfile extensions -out alice.pem")
                .status == 0);
    TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca.certificate_der()));
    const auto certificate = MemberCertificate::from_pem(as_text(read(folder, "alice.pem"))).value();
    const auto identity = trusted.verify(certificate.der, base::wall_now() + 1s).value();
    CHECK(identity.name == "alice");
    CHECK(identity.role == Role::kAdmin);

    // What OpenSSL's request leaves open, a member's certificate must not: no role, two organisations, a strange name.
    for (const char* subject : {"/O=org1/CN=alice", "/O=org1/OU=king/CN=alice", "/O=org1/O=org2/OU=admin/CN=alice",
                                "/O=org1/OU=admin/CN=alice@home", "/O=org1/OU=admin"}) {
        INFO(subject);
        REQUIRE(openssl_program(folder, std::string("req -new -key key.pem -subj ") + subject + " -out r.pem").status ==
                0);
        REQUIRE(openssl_program(folder,
                                "x509 -req -in r.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 1 "
                                "-extfile extensions -out bad.pem")
                    .status == 0);
        CHECK_FALSE(MemberCertificate::from_pem(as_text(read(folder, "bad.pem"))));
    }
}
