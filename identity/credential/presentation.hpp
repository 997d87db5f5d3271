#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "identity/credential/credential.hpp"

/// A credential shown by its subject (typ vp+jwt): a stolen credential is useless without the subject's key, and a seen
/// presentation is useless elsewhere (audience) or again (nonce, time).
namespace fairstream::identity::credential {

/// `audience` is who it is shown to (the network), `nonce` what ties it to one request. Signed by the holder's key,
/// whose did:key must be the credential's subject for anyone to accept it. Error: bad_presentation (too large).
Result<std::string> present(const crypto::SigningKey& holder, std::string_view credential_jwt,
                            std::string_view audience, std::string_view nonce, TimePoint now);

struct VerifiedPresentation {
    std::string holder;  // DID, equal to credential.subject
    std::string nonce;   // for the caller to compare, or to have been used once
    TimePoint issued;
    VerifiedCredential credential;
    std::string credential_jwt;  // as shown
};

struct PresentationLimits {
    std::chrono::seconds max_age{300};
    std::chrono::seconds clock_skew{30};
};

/// Errors: those of verify, bad_claim, bad_presentation, wrong_audience, wrong_holder, stale_presentation,
/// future_presentation.
Result<VerifiedPresentation> verify_presentation(std::string_view jwt, std::string_view audience, TimePoint now,
                                                 const PresentationLimits& limits = {});

}  // namespace fairstream::identity::credential
