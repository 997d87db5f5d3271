#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "identity/msp/certificate.hpp"

namespace fairstream::identity::msp {

struct Validity {
    TimePoint from;
    TimePoint until;
};

/// What a member's certificate shall say.
struct CertificateRequest {
    Role role{};
    std::string name;
    crypto::VerifyingKey key;
    std::vector<std::string> dns_names;  // SubjectAltName, at most 16 of each kind
    std::vector<std::string> ip_names;   // "127.0.0.1", "::1"
    Validity validity;
};

/// What a CA's certificate says; parsing proves nothing (TrustedOrganisations::add does).
struct CaCertificate {
    std::string organisation;
    TimePoint not_after;
    Bytes der;
};
/// Errors: bad_certificate, bad_name.
Result<CaCertificate> ca_from_pem(std::string_view pem);
Result<CaCertificate> ca_from_der(ByteView der);

/// The certificate authority of one organisation: a P-256 key and a self-signed certificate (CA:TRUE, pathlen 0). It
/// issues certificates for signing (node, admin, operator) and for TLS; the key never leaves this object but to its
/// file.
class OrganisationCa {
public:
    /// Errors: bad_name, bad_validity.
    static Result<OrganisationCa> create(std::string_view org, const Validity& validity);
    /// ca.pem and ca-key.pem (0600) in `folder`. Errors: those of read_file and SigningKey::load, bad_certificate,
    /// bad_ca (key and certificate do not belong together).
    static Result<OrganisationCa> load(const std::filesystem::path& folder, std::string_view passphrase = {});
    /// Error: exists, io_error.
    Status save(const std::filesystem::path& folder, std::string_view passphrase = {}) const;

    /// The member's certificate, DER inside; role tls, node and operator may serve and open TLS connections.
    /// Errors: bad_name, bad_validity (also: beyond the CA's own end), bad_request.
    Result<MemberCertificate> issue(const CertificateRequest& request) const;

    const std::string& org() const { return org_; }
    const Bytes& certificate_der() const { return certificate_; }
    std::string certificate_pem() const;

private:
    OrganisationCa(std::string org, crypto::SigningKey key, Bytes certificate)
        : org_(std::move(org)), key_(std::move(key)), certificate_(std::move(certificate)) {}

    std::string org_;
    crypto::SigningKey key_;
    Bytes certificate_;  // DER
};

}  // namespace fairstream::identity::msp
