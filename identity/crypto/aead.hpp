#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace fairstream::identity::crypto {

/// AES-256-GCM (NIST SP 800-38D). `key` 32 bytes, `nonce` 12 bytes; the 16-byte tag follows the ciphertext.
Bytes aead_seal(ByteView key, ByteView nonce, ByteView associated, ByteView plaintext);
/// Error: bad_tag (any change of key, nonce, associated data or ciphertext), too_short.
Result<Bytes> aead_open(ByteView key, ByteView nonce, ByteView associated, ByteView sealed);

}  // namespace fairstream::identity::crypto
