#pragma once

#include <openssl/crypto.h>

#include "identity/crypto/keys.hpp"
#include "identity/crypto/openssl.hpp"

/// What keys hold. For the sources of identity that hand a key to OpenSSL (certificates) only.
namespace fairstream::identity::crypto {

constexpr std::size_t kMaxPemBytes = 16 * 1024;  // of one key

struct VerifyingKey::Impl {
    openssl::Pkey pkey;
    CompressedPoint compressed{};
    std::array<std::uint8_t, 64> xy{};
    openssl::PkeyCtx verifier;  // initialised once; each verification works on a copy
};

struct SigningKey::Impl {
    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() { OPENSSL_cleanse(scalar.data(), scalar.size()); }

    openssl::Pkey pkey;
    std::array<std::uint8_t, 32> scalar{};
    VerifyingKey public_key;
};

}  // namespace fairstream::identity::crypto
