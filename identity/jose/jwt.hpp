#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "identity/crypto/keys.hpp"

/// JSON Web Tokens as compact JWS, ES256 and nothing else (RFC 7515, 7518, 7519; RFC 8725 for what to refuse).
namespace fairstream::identity::jose {

constexpr std::size_t kMaxJwtBytes = 16 * 1024;

struct Jwt {
    boost::json::object header;  // alg is ES256, typ as asked
    boost::json::object claims;
    std::string signed_part;  // what the signature is over, as it came
    crypto::Signature signature{};

    bool signed_by(const crypto::VerifyingKey& key) const { return key.verify(as_bytes(signed_part), signature); }
};

/// Signs `claims` under a header of alg, `typ` and the members of `more_header` (kid, jwk).
std::string sign_jwt(const crypto::SigningKey& key, std::string_view typ, const boost::json::object& claims,
                     const boost::json::object& more_header = {});

/// Reads a JWT without checking its signature: to find which key it claims. Refuses anything but three base64url parts
/// of at most kMaxJwtBytes with JSON objects without doubled member names, alg ES256, the given typ, no `crit`.
/// Errors: too_large, bad_jwt, bad_alg, bad_typ.
Result<Jwt> parse_jwt(std::string_view jwt, std::string_view typ);

/// The same, and the signature verifies under `key`. Errors: those of parse_jwt, bad_signature.
Result<Jwt> verify_jwt(std::string_view jwt, std::string_view typ, const crypto::VerifyingKey& key);

/// A claim of the expected kind. Errors: bad_claim (absent, other type, string above `max_bytes`, number negative).
Result<std::string> string_claim(const boost::json::object& claims, std::string_view name,
                                 std::size_t max_bytes = 1024);
/// NumericDate (seconds since 1970), whole.
Result<TimePoint> time_claim(const boost::json::object& claims, std::string_view name);

/// Seconds since 1970, rounded down: NumericDate of RFC 7519.
std::int64_t numeric_date(TimePoint t);

}  // namespace fairstream::identity::jose
