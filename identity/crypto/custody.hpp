#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "identity/crypto/keys.hpp"

/// Key custody: publicly verifiable secret sharing (Schoenmakers) on P-256, with publicly verifiable re-encryption of a
/// share to a buyer's key. Formulas and numbers: tests/vectors/custody.json. Points are SEC1 compressed; every point
/// from outside is checked (on the curve, not the identity); indices count from 1.
namespace fairstream::identity::crypto::custody {

using Point = CompressedPoint;
using Scalar = std::array<std::uint8_t, 32>;

/// H = hash to curve (RFC 9380, P256_XMD:SHA-256_SSWU_RO_) of "fairstream pvss generator H".
const Point& generator_h();

/// What a dealing is bound to; stands inside every challenge.
struct DealContext {
    std::string network;
    std::string stream;
    std::uint64_t key_epoch = 0;
    std::string seller;                                 // DID
    std::vector<std::pair<std::string, Point>> roster;  // organisation, P_i, in index order
    std::uint32_t threshold = 0;

    /// lp("fairstream/custody/v1", network, stream, u64 key epoch, seller, roster hash, u32 threshold).
    Bytes encode() const;
    Hash roster_hash() const;  // SHA-256(lp(org 1, P_1, org 2, P_2, ...))
};
/// lp(context, purchase, buyer DID).
Bytes release_context(const DealContext& deal, std::string_view purchase, std::string_view buyer);

struct EncryptedShare {
    Point y;           // Y_i = p(i) P_i
    Scalar challenge;  // DLEQ proof that log_H(X_i) = log_{P_i}(Y_i)
    Scalar response;
};
struct Dealing {
    std::vector<Point> commitments;      // C_j = a_j H, t of them
    std::vector<EncryptedShare> shares;  // one per custodian, in index order
    Hash key_check_value;                // SHA-256("fairstream/kcv/v1" || K)
};
struct StreamKey {
    Hash key;                         // K
    Bytes encryption_subkey() const;  // 32 bytes
    Bytes mac_subkey() const;         // 32 bytes
    Hash check_value() const;
};

/// Deals a fresh key. Errors: bad_threshold unless n/2 < t <= n <= 64; bad_point (in the roster).
struct Dealt {
    Dealing dealing;
    StreamKey key;
};
Result<Dealt> deal(const DealContext& context);
/// The same from given coefficients and nonces, so that tests can reproduce the vectors. Error: also bad_scalar (not
/// in 1..n-1).
Result<Dealt> deal_with(const DealContext& context, std::span<const Scalar> coefficients,
                        std::span<const Scalar> nonces);

/// Checks every proof. Errors: bad_point, bad_proof (which custodian's), bad_threshold.
Status verify_dealing(const DealContext& context, std::span<const Point> commitments,
                      std::span<const EncryptedShare> shares);

struct Release {
    Point a;
    Point b;
    Scalar c, s, u;
};
/// A custodian's release of Y_i to buyer key Q. Errors: bad_point.
Result<Release> release(const SigningKey& custodian, const Point& y, const Point& buyer_key, ByteView release_context);
Result<Release> release_with(const SigningKey& custodian, const Point& y, const Point& buyer_key,
                             ByteView release_context, const Scalar& rho, const Scalar& alpha, const Scalar& beta);
/// Errors: bad_point, bad_proof.
Status verify_release(const Release& release, const Point& custodian_key, const Point& y, const Point& buyer_key,
                      ByteView release_context);

struct IndexedRelease {
    std::uint32_t index;  // of the custodian, from 1
    Release release;
};
/// The buyer's side: S_i = B - q A, interpolation in the exponent, K; checked against the key check value.
/// Errors: bad_point, too_few_releases, wrong_key.
Result<StreamKey> combine(const SigningKey& buyer, std::span<const IndexedRelease> releases, const DealContext& context,
                          const Hash& key_check_value);

}  // namespace fairstream::identity::crypto::custody
