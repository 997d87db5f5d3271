#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "identity/jose/jwt.hpp"

/// What credentials and presentations have in common: contexts, types, and a `kid` that names the signer.
namespace fairstream::identity::credential {

constexpr std::string_view kContextV2 = "https://www.w3.org/ns/credentials/v2";
/// For types and claims that no vocabulary defines (VC 2.0, appendix B.2).
constexpr std::string_view kContextUndefinedTerms = "https://www.w3.org/ns/credentials/undefined-terms/v2";
constexpr std::size_t kMaxTextBytes = 512;  // of a DID, an id, a type

inline std::string_view view(const boost::json::string& text) {
    return {text.data(), text.size()};
}
inline boost::json::string_view json_view(std::string_view text) {
    return {text.data(), text.size()};
}

/// A string, or an array of 1 to 8 strings. Error: bad_credential.
Result<std::vector<std::string>> text_list(const boost::json::object& from, std::string_view name);

/// `@context` begins with VC 2.0's. Error: bad_credential.
Status check_context(const boost::json::object& from);

/// The DID in `member`, a string or an object with an id. Error: bad_credential.
Result<std::string> did_of(const boost::json::object& from, std::string_view member);

/// True for printable ASCII without blanks that has a scheme: enough for an id to be quoted safely.
bool is_uri(std::string_view text);

/// The DID of the did:key URL in the header's `kid`, under which the token verifies.
/// Errors: bad_credential, bad_did, bad_signature.
Result<std::string> verified_signer(const jose::Jwt& jwt);

}  // namespace fairstream::identity::credential
