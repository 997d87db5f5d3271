#include "identity/msp/certificate.hpp"

#include <algorithm>
#include <array>

#include "identity/msp/x509.hpp"

namespace fairstream::identity::msp {

namespace {

constexpr std::array<std::pair<Role, std::string_view>, 4> kRoles = {
    {{Role::kNode, "node"}, {Role::kAdmin, "admin"}, {Role::kOperator, "operator"}, {Role::kTls, "tls"}}};

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

Result<MemberCertificate> read(X509* certificate) {
    if (X509_get_version(certificate) != X509_VERSION_3)
        return fail("bad_certificate", "only X.509 version 3 is known");
    if (X509_check_ca(certificate) != 0) return fail("bad_certificate", "a CA's certificate is nobody's identity");
    MemberCertificate out;
    const X509_NAME* subject = X509_get_subject_name(certificate);
    FS_ASSIGN(out.org, x509::name_entry(subject, NID_organizationName));
    FS_TRY(check_name(out.org));
    FS_ASSIGN(const std::string role, x509::name_entry(subject, NID_organizationalUnitName));
    const auto known = role_from_text(role);
    if (!known) return fail("bad_certificate", "the subject's OU is not a role (node, admin, operator, tls)");
    out.role = *known;
    FS_ASSIGN(out.name, x509::name_entry(subject, NID_commonName));
    FS_TRY(check_name(out.name));
    FS_ASSIGN(out.key, x509::public_key(certificate));
    FS_ASSIGN(out.not_before, x509::to_time(X509_get0_notBefore(certificate)));
    FS_ASSIGN(out.not_after, x509::to_time(X509_get0_notAfter(certificate)));
    out.der = x509::to_der(certificate);
    out.fingerprint = crypto::sha256(out.der);
    return out;
}

}  // namespace

std::string_view to_text(Role role) {
    for (const auto& [known, text] : kRoles)
        if (known == role) return text;
    FS_ASSERT(false);
}

std::optional<Role> role_from_text(std::string_view text) {
    for (const auto& [role, known] : kRoles)
        if (known == text) return role;
    return std::nullopt;
}

Status check_name(std::string_view name) {
    // A leading dot or dash would make a hidden file, "..", or an option of a command.
    if (name.empty() || name.size() > kMaxNameBytes || name[0] == '.' || name[0] == '-' ||
        !std::all_of(name.begin(), name.end(), is_name_character))
        return fail("bad_name",
                    "a name has 1 to 64 of a-z A-Z 0-9 . _ - and starts with a letter, digit or _; here are " +
                        std::to_string(name.size()) + " characters");
    return {};
}

Result<MemberCertificate> MemberCertificate::from_der(ByteView der) {
    FS_ASSIGN(const auto certificate, x509::parse_der(der));
    return read(certificate.get());
}

Result<MemberCertificate> MemberCertificate::from_pem(std::string_view pem) {
    FS_ASSIGN(const auto certificate, x509::parse_pem(pem));
    return read(certificate.get());
}

std::string MemberCertificate::to_pem() const {
    return x509::to_pem(der);
}

}  // namespace fairstream::identity::msp
