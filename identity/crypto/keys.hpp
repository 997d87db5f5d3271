#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"

namespace fairstream::identity::crypto {

/// r || s, each 32 bytes big-endian, s in the lower half of the group order (the only form that verifies).
using Signature = std::array<std::uint8_t, 64>;
/// SEC1 compressed P-256 point.
using CompressedPoint = std::array<std::uint8_t, 33>;

Result<Signature> to_signature(ByteView bytes);  // error: bad_length

/// A P-256 public key, parsed once and kept (parsing costs as much as four verifications). Cheap to copy; thread-safe.
class VerifyingKey {
public:
    /// SEC1, compressed (33 bytes) or uncompressed (65). Error: bad_key (not on the curve, the identity, wrong length).
    static Result<VerifyingKey> from_sec1(ByteView point);
    static Result<VerifyingKey> from_pem(std::string_view pem);  // SubjectPublicKeyInfo
    static Result<VerifyingKey> from_spki_der(ByteView der);

    const CompressedPoint& compressed() const;
    std::array<std::uint8_t, 64> xy() const;  // uncompressed, without the leading 0x04: for JWK
    std::string to_pem() const;
    /// ECDSA P-256 over SHA-256(message); refuses high s.
    bool verify(ByteView message, const Signature& signature) const;
    bool verify_digest(const Hash& digest, const Signature& signature) const;
    bool operator==(const VerifyingKey& other) const { return compressed() == other.compressed(); }

    struct Impl;
    const Impl& impl() const { return *impl_; }

private:
    friend class SigningKey;
    std::shared_ptr<const Impl> impl_;
};

/// A P-256 private key. Cheap to copy; thread-safe; the secret is wiped when the last copy goes.
class SigningKey {
public:
    static SigningKey generate();
    /// PKCS#8 PEM, encrypted (PBES2, AES-256) if `passphrase` is not empty. Errors: bad_key, wrong_passphrase.
    static Result<SigningKey> from_pem(std::string_view pem, std::string_view passphrase = {});
    static Result<SigningKey> from_scalar(ByteView scalar);  // 32 bytes, 1..n-1
    /// Reads a key file; refuses one that others may read. Errors: not_found, bad_mode, bad_key, wrong_passphrase.
    static Result<SigningKey> load(const std::filesystem::path& file, std::string_view passphrase = {});
    /// Writes PKCS#8 PEM, mode 0600; refuses to replace a file (exists).
    Status save(const std::filesystem::path& file, std::string_view passphrase = {}) const;

    const VerifyingKey& public_key() const;
    std::string to_pem(std::string_view passphrase = {}) const;
    Bytes scalar() const;  // 32 bytes; for custody mathematics and ECDH only
    Signature sign(ByteView message) const;
    Signature sign_digest(const Hash& digest) const;
    /// X coordinate of the shared point, 32 bytes (NIST SP 800-56A ECDH).
    Result<Bytes> ecdh(const VerifyingKey& peer) const;

    struct Impl;
    const Impl& impl() const { return *impl_; }

private:
    std::shared_ptr<const Impl> impl_;
};

/// How many signatures this process has verified: the dearest thing that a node does, and so its measure.
std::uint64_t verifications();

/// Raw r||s to and from the DER that X.509 and OpenSSL's tools use.
Bytes signature_to_der(const Signature& signature);
Result<Signature> signature_from_der(ByteView der);  // brings s to the lower half

/// Domain separation for what the ledger and operators sign: lp("fairstream/<type>", network, payload).
/// `type` names the message, e.g. "proposal/v1"; `network` is the channel.
Bytes signing_input(std::string_view type, std::string_view network, ByteView payload);

}  // namespace fairstream::identity::crypto
