#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "identity/msp/trusted_organisations.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::identity::msp;
using fairstream::identity::crypto::SigningKey;
using namespace std::chrono_literals;

namespace {

const TimePoint t0 = base::from_us(1'790'000'000'000'000);
const Validity kYears = {t0, t0 + std::chrono::hours(24 * 3650)};
const Validity kYear = {t0, t0 + std::chrono::hours(24 * 365)};

CertificateRequest request(Role role, std::string name, const SigningKey& key) {
    return {role, std::move(name), key.public_key(), {"localhost"}, {"127.0.0.1", "::1"}, kYear};
}

template <typename T>
std::string code(const Result<T>& result) {
    return result ? "good" : result.error().code;
}

}  // namespace

TEST_CASE("a member is who its organisation's CA says, in every role") {
    const auto ca = OrganisationCa::create("org1", kYears).value();
    TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca.certificate_der()));
    for (const Role role : {Role::kNode, Role::kAdmin, Role::kOperator, Role::kTls}) {
        const auto key = SigningKey::generate();
        const auto certificate = ca.issue(request(role, "member-1", key)).value();
        CHECK(certificate.org == "org1");
        CHECK(certificate.role == role);
        CHECK(certificate.name == "member-1");
        CHECK(certificate.not_before == kYear.from);
        CHECK(certificate.not_after == kYear.until);
        CHECK(certificate.fingerprint == identity::crypto::sha256(certificate.der));
        const auto identity = trusted.verify(certificate.der, t0 + 1h).value();
        CHECK(identity.org == "org1");
        CHECK(identity.role == role);
        CHECK(identity.name == "member-1");
        CHECK(identity.key == key.public_key());
        CHECK(identity.fingerprint == certificate.fingerprint);
        CHECK(identity.not_after == kYear.until);
        CHECK(MemberCertificate::from_pem(certificate.to_pem()).value().der == certificate.der);
    }
}

TEST_CASE("roles have names") {
    CHECK(to_text(Role::kNode) == "node");
    CHECK(to_text(Role::kTls) == "tls");
    CHECK(role_from_text("admin") == Role::kAdmin);
    CHECK(role_from_text("operator") == Role::kOperator);
    CHECK(role_from_text("root") == std::nullopt);
    CHECK(role_from_text("Node") == std::nullopt);
}

TEST_CASE("a certificate counts within its validity only") {
    const auto ca = OrganisationCa::create("org1", kYears).value();
    TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca.certificate_der()));
    const auto der = ca.issue(request(Role::kNode, "n", SigningKey::generate())).value().der;
    CHECK(code(trusted.verify(der, kYear.from - 1s)) == "not_yet_valid");
    CHECK(code(trusted.verify(der, kYear.from)) == "good");
    CHECK(code(trusted.verify(der, kYear.until - 1s)) == "good");
    CHECK(code(trusted.verify(der, kYear.until + 1s)) == "expired");
}

TEST_CASE("no CA speaks for another organisation") {
    const auto ca1 = OrganisationCa::create("org1", kYears).value();
    const auto ca2 = OrganisationCa::create("org2", kYears).value();
    const auto impostor = OrganisationCa::create("org1", kYears).value();
    TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca1.certificate_der()));
    const auto key = SigningKey::generate();
    CHECK(code(trusted.verify(ca2.issue(request(Role::kAdmin, "a", key)).value().der, t0)) == "unknown_organisation");
    REQUIRE(trusted.add("org2", ca2.certificate_der()));
    CHECK(code(trusted.verify(ca2.issue(request(Role::kAdmin, "a", key)).value().der, t0)) == "good");
    CHECK(code(trusted.verify(impostor.issue(request(Role::kAdmin, "a", key)).value().der, t0)) == "bad_chain");
    CHECK(trusted.names() == std::vector<std::string>{"org1", "org2"});
    CHECK(trusted.to_pem() == ca1.certificate_pem() + ca2.certificate_pem());
}

TEST_CASE("a certificate with any byte changed is refused") {
    const auto ca = OrganisationCa::create("org1", kYears).value();
    TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca.certificate_der()));
    const auto der = ca.issue(request(Role::kNode, "n", SigningKey::generate())).value().der;
    for (std::size_t i = 0; i < der.size(); ++i) {
        Bytes changed = der;
        changed[i] = static_cast<std::uint8_t>(changed[i] ^ 0x01);
        CHECK_FALSE(trusted.verify(changed, t0));
    }
    Bytes longer = der;
    longer.push_back(0);
    CHECK(code(trusted.verify(longer, t0)) == "bad_certificate");
    CHECK(code(trusted.verify({}, t0)) == "bad_certificate");
    CHECK(code(trusted.verify(Bytes(9'000, 0x30), t0)) == "bad_certificate");
}

TEST_CASE("a CA is nobody's identity, and a member is no CA") {
    const auto ca = OrganisationCa::create("org1", kYears).value();
    TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca.certificate_der()));
    CHECK(code(trusted.verify(ca.certificate_der(), t0)) == "bad_certificate");
    const auto member = ca.issue(request(Role::kNode, "n", SigningKey::generate())).value();
    TrustedOrganisations other;
    CHECK(code(other.add("org1", member.der)) == "bad_ca");
}

TEST_CASE("an organisation is trusted once, under its own name") {
    const auto ca = OrganisationCa::create("org1", kYears).value();
    TrustedOrganisations trusted;
    CHECK(code(trusted.add("org2", ca.certificate_der())) == "bad_ca");
    CHECK(code(trusted.add("org1", as_bytes("nonsense"))) == "bad_ca");
    CHECK(code(trusted.add("", ca.certificate_der())) == "bad_name");
    CHECK(code(trusted.add("org1", ca.certificate_der())) == "good");
    CHECK(code(trusted.add("org1", ca.certificate_der())) == "exists");
    Bytes changed = ca.certificate_der();
    changed.back() = static_cast<std::uint8_t>(changed.back() ^ 1);
    CHECK(code(TrustedOrganisations().add("org1", changed)) == "bad_ca");
}

TEST_CASE("names are short and harmless") {
    for (const char* good : {"org1", "Org-1.example_x", "7", "_x"}) CHECK(check_name(good));
    for (const char* bad : {"", ".", "..", "-x", "a b", "a/b", "a,b", "a\nb", "a=b", "\xc3\xa4"})
        CHECK(code(check_name(bad)) == "bad_name");
    CHECK(check_name(std::string(64, 'a')));
    CHECK(code(check_name(std::string(65, 'a'))) == "bad_name");
    CHECK(code(OrganisationCa::create("org/1", kYears)) == "bad_name");
}

TEST_CASE("a CA refuses requests that would make a bad certificate") {
    const auto ca = OrganisationCa::create("org1", kYears).value();
    const auto key = SigningKey::generate();
    const auto verdict = [&](auto change) {
        auto wanted = request(Role::kNode, "n", key);
        change(wanted);
        return code(ca.issue(wanted));
    };
    CHECK(verdict([](auto&) {}) == "good");
    CHECK(verdict([](auto& r) { r.name = "a/b"; }) == "bad_name");
    CHECK(verdict([](auto& r) { r.validity.until = r.validity.from; }) == "bad_validity");
    CHECK(verdict([](auto& r) { r.validity.until = kYears.until + 1s; }) == "bad_validity");
    CHECK(verdict([](auto& r) { r.dns_names = {"a,IP:1.2.3.4"}; }) == "bad_request");
    CHECK(verdict([](auto& r) { r.dns_names = {""}; }) == "bad_request");
    CHECK(verdict([](auto& r) { r.dns_names.assign(17, "a"); }) == "bad_request");
    CHECK(verdict([](auto& r) { r.ip_names = {"1.2.3"}; }) == "bad_request");
    CHECK(code(OrganisationCa::create("org1", {t0, t0})) == "bad_validity");
    CHECK(code(OrganisationCa::create("org1", {t0, TimePoint::max()})) == "bad_validity");
}

TEST_CASE("a CA is saved with its key sealed off, and issues the same after loading") {
    const fairstream::tests::TemporaryFolder folder;
    const auto ca = OrganisationCa::create("org1", kYears).value();
    REQUIRE(ca.save(folder.path()));
    struct stat about {};
    REQUIRE(::stat((folder.path() / "ca-key.pem").c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
    CHECK(code(ca.save(folder.path())) == "exists");

    const auto loaded = OrganisationCa::load(folder.path()).value();
    CHECK(loaded.org() == "org1");
    CHECK(loaded.certificate_der() == ca.certificate_der());
    TrustedOrganisations trusted;
    REQUIRE(trusted.add("org1", ca.certificate_der()));
    CHECK(trusted.verify(loaded.issue(request(Role::kTls, "n", SigningKey::generate())).value().der, t0));
}

TEST_CASE("a CA whose key and certificate do not belong together does not load") {
    const fairstream::tests::TemporaryFolder first;
    const fairstream::tests::TemporaryFolder second;
    REQUIRE(OrganisationCa::create("org1", kYears).value().save(first.path()));
    REQUIRE(OrganisationCa::create("org1", kYears).value().save(second.path()));
    std::filesystem::copy_file(second.path() / "ca.pem", first.path() / "ca.pem",
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(code(OrganisationCa::load(first.path())) == "bad_ca");
    std::filesystem::remove(first.path() / "ca.pem");
    CHECK(code(OrganisationCa::load(first.path())) == "not_found");
}
