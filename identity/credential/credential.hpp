#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "identity/crypto/keys.hpp"

/// W3C Verifiable Credentials 2.0 secured as JWT (VC-JOSE-COSE: typ vc+jwt, ES256, the credential is the payload, `kid`
/// is a DID URL of the issuer's did:key). Whether an issuer is trusted is the caller's to decide.
namespace fairstream::identity::credential {

/// So that its presentation, which carries it, stays below jose::kMaxJwtBytes.
constexpr std::size_t kMaxCredentialBytes = 8 * 1024;

/// What an issuer says of a subject. `type` stands beside VerifiableCredential ("VerifiedSeller").
struct CredentialRequest {
    std::string id;       // URI, e.g. urn:uuid:...
    std::string subject;  // DID
    std::string type;
    boost::json::object claims;  // further members of credentialSubject
    TimePoint valid_from;        // whole seconds count
    TimePoint valid_until;
};

/// Error: bad_credential (an id that is no URI, an empty type, an end before its start, a result above
/// kMaxCredentialBytes).
Result<std::string> issue(const crypto::SigningKey& issuer, const CredentialRequest& request);

struct VerifiedCredential {
    std::string issuer;              // DID; the signature is this key's
    std::string subject;             // DID
    std::vector<std::string> types;  // without VerifiableCredential
    std::string id;
    TimePoint valid_from;
    TimePoint valid_until;
    boost::json::object claims;  // credentialSubject without its id
};

/// Errors: those of jose::verify_jwt, bad_did, bad_credential (not the shape of VC 2.0), not_yet_valid, expired.
Result<VerifiedCredential> verify(std::string_view jwt, TimePoint now);

}  // namespace fairstream::identity::credential
