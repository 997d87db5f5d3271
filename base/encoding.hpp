#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace fairstream::base {

/// Lower-case hex. from_hex takes either case. Errors of every decoder here: bad_encoding, with the position.
std::string to_hex(ByteView bytes);
Result<Bytes> from_hex(std::string_view text);

/// RFC 4648 base64 (padded) and base64url (unpadded, as JOSE wants it). Decoding is strict: no white space, no stray
/// bits, no padding where none belongs.
std::string to_base64(ByteView bytes);
Result<Bytes> from_base64(std::string_view text);
std::string to_base64url(ByteView bytes);
Result<Bytes> from_base64url(std::string_view text);

/// base58btc, as multibase 'z' uses it (did:key). At most 128 characters.
std::string to_base58(ByteView bytes);
Result<Bytes> from_base58(std::string_view text);

}  // namespace fairstream::base
