#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "identity/crypto/keys.hpp"

/// Membership: X.509 certificates that an organisation's CA gives to its nodes, admins and operators. Subject: O the
/// organisation, OU the role, CN the name.
namespace fairstream::identity::msp {

enum class Role {
    kNode,      // endorses, orders, keeps shares
    kAdmin,     // signs config transactions
    kOperator,  // stores streams
    kTls,       // holds one end of a TLS link; signs nothing else
};
std::string_view to_text(Role role);  // "node", "admin", "operator", "tls"
std::optional<Role> role_from_text(std::string_view text);

constexpr std::size_t kMaxCertificateBytes = 8 * 1024;
constexpr std::size_t kMaxNameBytes = 64;  // of an organisation or a member (X.520's upper bound)

/// Names are 1 to 64 of a-z A-Z 0-9 . _ - and start with neither dot nor dash (they become file names and metric
/// labels). Error: bad_name.
Status check_name(std::string_view name);

/// What a certificate says; parsing proves nothing about who signed it (TrustedOrganisations does).
struct MemberCertificate {
    std::string org;
    Role role{};
    std::string name;
    crypto::VerifyingKey key;
    TimePoint not_before;
    TimePoint not_after;
    Bytes der;
    crypto::Hash fingerprint{};  // SHA-256 of der

    /// Errors: bad_certificate, bad_name.
    static Result<MemberCertificate> from_der(ByteView der);
    static Result<MemberCertificate> from_pem(std::string_view pem);  // the first certificate in it
    std::string to_pem() const;
};

}  // namespace fairstream::identity::msp
