#include "identity/msp/organisation_ca.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/file.hpp"
#include "identity/crypto/keys_impl.hpp"
#include "identity/msp/x509.hpp"

namespace fairstream::identity::msp {

namespace openssl = crypto::openssl;
using openssl::must;

namespace {

constexpr const char* kCertificateFile = "ca.pem";
constexpr const char* kKeyFile = "ca-key.pem";
constexpr std::size_t kMaxAlternativeNames = 16;
constexpr std::size_t kMaxDnsBytes = 253;
const TimePoint kLatest{std::chrono::seconds(253'402'300'799)};  // 9999-12-31T23:59:59Z, the last X.509 can say

using Extension = openssl::Owner<X509_EXTENSION, X509_EXTENSION_free>;
using GeneralNames = openssl::Owner<GENERAL_NAMES, GENERAL_NAMES_free>;

Status check_validity(const Validity& validity) {
    if (validity.from >= validity.until || validity.from < TimePoint{} || validity.until > kLatest)
        return fail("bad_validity", "a validity starts before it ends, within the years 1970 to 9999");
    return {};
}

/// An unsigned certificate for `key` with a random serial number and this validity.
x509::Certificate draft(const crypto::VerifyingKey& key, const Validity& validity) {
    x509::Certificate certificate(must(X509_new()));
    must(X509_set_version(certificate.get(), X509_VERSION_3));
    Bytes serial = crypto::random_bytes(16);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);  // positive, and always 16 bytes
    const openssl::Bignum number(must(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr)));
    must(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())));
    x509::set_time(X509_getm_notBefore(certificate.get()), validity.from);
    x509::set_time(X509_getm_notAfter(certificate.get()), validity.until);
    must(X509_set_pubkey(certificate.get(), key.impl().pkey.get()));
    return certificate;
}

/// `value` is a text of ours, never of the request's: OpenSSL's little language has no escapes.
void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(must(X509V3_EXT_conf_nid(nullptr, &context, nid, value)));
    must(X509_add_ext(certificate, extension.get(), /*loc=*/-1));
}

void sign(X509* certificate, const crypto::SigningKey& key) {
    must(X509_sign(certificate, key.impl().pkey.get(), EVP_sha256()) > 0 ? 1 : 0);
}

bool is_dns_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxDnsBytes && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '*';
    });
}

/// Network bytes of an IPv4 or IPv6 address; empty if it is none.
Bytes ip_bytes(const std::string& address) {
    Bytes out(16);
    if (::inet_pton(AF_INET6, address.c_str(), out.data()) == 1) return out;
    out.resize(4);
    if (::inet_pton(AF_INET, address.c_str(), out.data()) == 1) return out;
    return {};
}

void add_general_name(GENERAL_NAMES* names, int type, ByteView value) {
    ASN1_STRING* text = must(ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING));
    must(ASN1_STRING_set(text, value.data(), static_cast<int>(value.size())));
    GENERAL_NAME* name = must(GENERAL_NAME_new());
    GENERAL_NAME_set0_value(name, type, text);
    FS_ASSERT(sk_GENERAL_NAME_push(names, name) > 0);
}

Status add_alternative_names(X509* certificate, const CertificateRequest& request) {
    if (request.dns_names.size() > kMaxAlternativeNames || request.ip_names.size() > kMaxAlternativeNames)
        return fail("bad_request", "a certificate has at most 16 DNS names and 16 IP addresses");
    const GeneralNames names(must(GENERAL_NAMES_new()));
    for (const std::string& dns : request.dns_names) {
        if (!is_dns_name(dns)) return fail("bad_request", "not a DNS name: " + dns.substr(0, 64));
        add_general_name(names.get(), GEN_DNS, as_bytes(dns));
    }
    for (const std::string& ip : request.ip_names) {
        const Bytes address = ip_bytes(ip);
        if (address.empty()) return fail("bad_request", "not an IP address: " + ip.substr(0, 64));
        add_general_name(names.get(), GEN_IPADD, address);
    }
    if (sk_GENERAL_NAME_num(names.get()) > 0)
        must(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), /*crit=*/0, X509V3_ADD_DEFAULT));
    return {};
}

}  // namespace

Result<CaCertificate> ca_from_der(ByteView der) {
    FS_ASSIGN(const auto certificate, x509::parse_der(der));
    CaCertificate ca{.organisation = {}, .not_after = {}, .der = to_bytes(der)};
    FS_ASSIGN(ca.organisation, x509::name_entry(X509_get_subject_name(certificate.get()), NID_organizationName));
    FS_TRY(check_name(ca.organisation));
    FS_ASSIGN(ca.not_after, x509::to_time(X509_get0_notAfter(certificate.get())));
    return ca;
}

Result<CaCertificate> ca_from_pem(std::string_view pem) {
    FS_ASSIGN(const auto certificate, x509::parse_pem(pem));
    return ca_from_der(x509::to_der(certificate.get()));
}

Result<OrganisationCa> OrganisationCa::create(std::string_view org, const Validity& validity) {
    FS_TRY(check_name(org));
    FS_TRY(check_validity(validity));
    auto key = crypto::SigningKey::generate();
    const auto certificate = draft(key.public_key(), validity);
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    x509::add_name_entry(subject, NID_organizationName, org);
    x509::add_name_entry(subject, NID_commonName, "ca");
    must(X509_set_issuer_name(certificate.get(), subject));
    add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
    sign(certificate.get(), key);
    return OrganisationCa(std::string(org), std::move(key), x509::to_der(certificate.get()));
}

Result<OrganisationCa> OrganisationCa::load(const std::filesystem::path& folder, std::string_view passphrase) {
    FS_ASSIGN(const Bytes pem, base::read_file(folder / kCertificateFile, kMaxCertificateBytes * 2));
    FS_ASSIGN(const auto certificate, x509::parse_pem(as_text(pem)));
    FS_ASSIGN(auto key, crypto::SigningKey::load(folder / kKeyFile, passphrase));
    FS_ASSIGN(const auto certified, x509::public_key(certificate.get()));
    if (certified != key.public_key() || X509_check_ca(certificate.get()) != 1)
        return fail("bad_ca", folder.string() + ": " + kKeyFile + " is not the key of the CA in " + kCertificateFile);
    FS_ASSIGN(std::string org, x509::name_entry(X509_get_subject_name(certificate.get()), NID_organizationName));
    FS_TRY(check_name(org));
    return OrganisationCa(std::move(org), std::move(key), x509::to_der(certificate.get()));
}

Status OrganisationCa::save(const std::filesystem::path& folder, std::string_view passphrase) const {
    FS_TRY(key_.save(folder / kKeyFile, passphrase));
    return base::write_file(folder / kCertificateFile, as_bytes(certificate_pem()), 0644);
}

Result<MemberCertificate> OrganisationCa::issue(const CertificateRequest& request) const {
    FS_TRY(check_name(request.name));
    FS_TRY(check_validity(request.validity));
    FS_ASSIGN(const auto ca, x509::parse_der(certificate_));
    FS_ASSIGN(const TimePoint ca_end, x509::to_time(X509_get0_notAfter(ca.get())));
    if (request.validity.until > ca_end)
        return fail("bad_validity", "the certificate would outlive its CA, which ends at " + base::to_rfc3339(ca_end));
    const auto certificate = draft(request.key, request.validity);
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    x509::add_name_entry(subject, NID_organizationName, org_);
    x509::add_name_entry(subject, NID_organizationalUnitName, to_text(request.role));
    x509::add_name_entry(subject, NID_commonName, request.name);
    must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(ca.get())));
    add_extension(certificate.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate.get(), ca.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(certificate.get(), ca.get(), NID_ext_key_usage,
                  request.role == Role::kAdmin ? "clientAuth" : "serverAuth,clientAuth");
    add_extension(certificate.get(), ca.get(), NID_subject_key_identifier, "hash");
    add_extension(certificate.get(), ca.get(), NID_authority_key_identifier, "keyid:always");
    FS_TRY(add_alternative_names(certificate.get(), request));
    sign(certificate.get(), key_);
    return MemberCertificate::from_der(x509::to_der(certificate.get()));
}

std::string OrganisationCa::certificate_pem() const {
    return x509::to_pem(certificate_);
}

}  // namespace fairstream::identity::msp
