#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace fairstream::identity::crypto {

using Hash = std::array<std::uint8_t, 32>;

Hash sha256(ByteView data);
/// SHA-256 of the parts one after the other, without joining them first.
Hash sha256_of(std::initializer_list<ByteView> parts);
Hash hmac_sha256(ByteView key, ByteView data);
/// HKDF-SHA256 (RFC 5869), extract and expand. `length` at most 255 * 32.
Bytes hkdf_sha256(ByteView input_key, ByteView salt, ByteView info, std::size_t length);
Bytes random_bytes(std::size_t count);
Hash random_hash();
Result<Hash> to_hash(ByteView bytes);  // error: bad_length

/// SHA-256, or HMAC-SHA256 when made with a key, of data that arrives in pieces.
class Hasher {
public:
    Hasher();
    explicit Hasher(ByteView hmac_key);
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;
    Hasher& update(ByteView data);
    Hash finish();  // once

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::identity::crypto
