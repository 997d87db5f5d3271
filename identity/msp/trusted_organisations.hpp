#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "identity/msp/certificate.hpp"

namespace fairstream::identity::msp {

/// Who a verified certificate belongs to.
struct MemberIdentity {
    std::string org;
    Role role{};
    std::string name;
    crypto::VerifyingKey key;
    crypto::Hash fingerprint{};
    TimePoint not_after;
};

/// The consortium's CAs, one per organisation. A certificate counts only if its own organisation's CA signed it, so no
/// CA can speak for another organisation. Cheap to copy; safe to read from several threads.
class TrustedOrganisations {
public:
    /// `ca` in DER; must be a self-signed P-256 CA certificate whose O is `org`. Errors: bad_name, bad_ca, exists.
    Status add(std::string_view org, ByteView ca);

    /// Errors: bad_certificate, unknown_organisation, bad_chain, not_yet_valid, expired (the member's or its CA's).
    Result<MemberIdentity> verify(ByteView certificate_der, TimePoint at) const;
    /// The same at any time: for a certificate that counted once and must be read again. Errors: those of verify but
    /// not_yet_valid and expired.
    Result<MemberIdentity> verify_at_any_time(ByteView certificate_der) const;

    std::vector<std::string> names() const;  // sorted
    /// All CA certificates, PEM, in order of name: the trust store of TLS links.
    std::string to_pem() const;

private:
    Result<MemberIdentity> verify_chain(ByteView certificate_der, std::optional<TimePoint> at) const;

    struct Ca;
    std::map<std::string, std::shared_ptr<const Ca>, std::less<>> cas_;
};

}  // namespace fairstream::identity::msp
