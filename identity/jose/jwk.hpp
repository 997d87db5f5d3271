#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "identity/crypto/keys.hpp"

namespace fairstream::identity::jose {

/// {"kty":"EC","crv":"P-256","x":...,"y":...} (RFC 7517, RFC 7518 section 6.2), members in this order.
boost::json::object jwk_from_key(const crypto::VerifyingKey& key);
/// The key of a public P-256 JWK; members it does not know are ignored, as RFC 7517 asks, but a private one ("d") is
/// refused. Error: bad_jwk.
Result<crypto::VerifyingKey> key_from_jwk(const boost::json::value& jwk);

/// SHA-256 thumbprint (RFC 7638) in base64url: `cnf.jkt` of access tokens, `jkt` of proofs.
std::string thumbprint(const crypto::VerifyingKey& key);

}  // namespace fairstream::identity::jose
