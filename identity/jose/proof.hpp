#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "identity/crypto/keys.hpp"

/// Proof of possession over an HTTP request, in the manner of DPoP (RFC 9449): the holder of a key shows that it is the
/// one who asks, here and now. The key travels as a JWK in the header; whether it is the right one is for the caller to
/// decide (the grant's holder, the token's cnf.jkt).
namespace fairstream::identity::jose {

/// What a proof is about. Empty members are left out, and then must be absent when verified.
struct ProofRequest {
    std::string method;        // htm: "POST"
    std::string url;           // htu: scheme, authority and path, without query and fragment
    std::string nonce;         // as the server gave it; single use is for the server to keep
    std::string grant;         // grant id, a claim of ours
    std::string access_token;  // ath = base64url(SHA-256(token)), when a token is presented
};

struct Proof {
    crypto::VerifyingKey key;  // of the header's JWK; the proof's signature verifies under it
    std::string thumbprint;    // RFC 7638, base64url
    std::string id;            // jti; remember it until `issued` + max age to refuse a replay
    TimePoint issued;
    std::string grant;
};

std::string make_proof(const crypto::SigningKey& key, const ProofRequest& request, TimePoint now);

struct ProofLimits {
    std::chrono::seconds max_age{60};
    std::chrono::seconds clock_skew{5};
};

/// Checks the signature under the key in the header, and that the proof is about `expected`, made lately.
/// Errors: those of parse_jwt, bad_jwk, bad_signature, bad_claim, wrong_method, wrong_url, wrong_nonce, wrong_grant,
/// wrong_token, stale_proof, future_proof.
Result<Proof> verify_proof(std::string_view proof, const ProofRequest& expected, TimePoint now,
                           const ProofLimits& limits = {});

}  // namespace fairstream::identity::jose
