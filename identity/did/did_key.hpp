#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "identity/crypto/keys.hpp"

/// did:key for P-256 (W3C CCG did:key; multicodec p256-pub 0x1200, multibase base58btc): "did:key:zDn...". The
/// identifier is the key, so it resolves without a ledger.
namespace fairstream::identity::did {

std::string did_from_key(const crypto::VerifyingKey& key);
/// The key of a did:key, or of a DID URL of it whose fragment names that same key. Only the one canonical spelling
/// counts. Error: bad_did.
Result<crypto::VerifyingKey> key_from_did(std::string_view did);

/// did + "#" + its multibase part: what `kid` carries and the document lists.
std::string verification_method(std::string_view did);
/// The DID of a DID URL: what precedes '#'.
std::string_view did_of_url(std::string_view did_url);

/// W3C DID document: one JsonWebKey2020 for authentication, assertion, capability invocation and delegation.
boost::json::object document(std::string_view did, const crypto::VerifyingKey& key);

}  // namespace fairstream::identity::did
