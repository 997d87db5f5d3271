#include <openssl/crypto.h>

#include "identity/crypto/curve.hpp"
#include "identity/crypto/custody.hpp"

/// Release: verifiable re-encryption of a share to the buyer's key. Proof of knowledge of (k, z) with
/// P_i = kG, Y_i = kB - zQ, 0 = kA - zG.
namespace fairstream::identity::crypto::custody {

using curve::Element;
using curve::point;
using curve::times_g;

namespace {

curve::Scalar challenge(ByteView context, const Point& p, const Point& y, const Point& q, const Point& a,
                        const Point& b, const Element& t1, const Element& t2, const Element& t3) {
    return curve::Scalar::reduced(
        sha256(base::lp(as_bytes("fairstream/release/v1"), context, ByteView(p), ByteView(y), ByteView(q), ByteView(a),
                        ByteView(b), ByteView(t1.compressed()), ByteView(t2.compressed()), ByteView(t3.compressed()))));
}

}  // namespace

Result<Release> release(const SigningKey& custodian, const Point& y, const Point& buyer_key, ByteView release_context) {
    Scalar rho = curve::Scalar::random().bytes();
    Scalar alpha = curve::Scalar::random().bytes();
    Scalar beta = curve::Scalar::random().bytes();
    auto made = release_with(custodian, y, buyer_key, release_context, rho, alpha, beta);
    for (Scalar* secret : {&rho, &alpha, &beta}) OPENSSL_cleanse(secret->data(), secret->size());
    return made;
}

Result<Release> release_with(const SigningKey& custodian, const Point& y, const Point& buyer_key,
                             ByteView release_context, const Scalar& rho_bytes, const Scalar& alpha_bytes,
                             const Scalar& beta_bytes) {
    Bytes secret = custodian.scalar();
    const auto parsed = curve::Scalar::from_nonzero_bytes(secret);
    OPENSSL_cleanse(secret.data(), secret.size());
    FS_ASSIGN(const curve::Scalar k, parsed);
    FS_ASSIGN(const curve::Scalar rho, curve::Scalar::from_nonzero_bytes(rho_bytes));
    FS_ASSIGN(const curve::Scalar alpha, curve::Scalar::from_nonzero_bytes(alpha_bytes));
    FS_ASSIGN(const curve::Scalar beta, curve::Scalar::from_nonzero_bytes(beta_bytes));
    FS_ASSIGN(const Element share, point(y, "the encrypted share Y"));
    FS_ASSIGN(const Element q, point(buyer_key, "the buyer's key Q"));

    const Element a = times_g(rho);
    const Element b = k.inverse() * share + rho * q;
    const Element t2 = alpha * b - beta * q;
    const Element t3 = alpha * a - times_g(beta);
    if (b.is_identity() || t2.is_identity() || t3.is_identity())
        return fail("bad_point", "the release would hold the identity");
    Release out;
    out.a = a.compressed();
    out.b = b.compressed();
    const curve::Scalar c = challenge(release_context, custodian.public_key().compressed(), y, buyer_key, out.a, out.b,
                                      times_g(alpha), t2, t3);
    out.c = c.bytes();
    out.s = (alpha + c * k).bytes();
    out.u = (beta + c * k * rho).bytes();  // z = k rho
    return out;
}

Status verify_release(const Release& release, const Point& custodian_key, const Point& y, const Point& buyer_key,
                      ByteView release_context) {
    FS_ASSIGN(const Element p, point(custodian_key, "the custodian's key P"));
    FS_ASSIGN(const Element share, point(y, "the encrypted share Y"));
    FS_ASSIGN(const Element q, point(buyer_key, "the buyer's key Q"));
    FS_ASSIGN(const Element a, point(release.a, "A"));
    FS_ASSIGN(const Element b, point(release.b, "B"));
    const auto c = curve::Scalar::from_bytes(release.c);
    const auto s = curve::Scalar::from_bytes(release.s);
    const auto u = curve::Scalar::from_bytes(release.u);
    if (!c || !s || !u) return fail("bad_proof", "the release's proof is not below the group order");
    const Element t1 = times_g(*s) - *c * p;
    const Element t2 = *s * b - *u * q - *c * share;
    const Element t3 = *s * a - times_g(*u);
    if (t1.is_identity() || t2.is_identity() || t3.is_identity() ||
        challenge(release_context, custodian_key, y, buyer_key, release.a, release.b, t1, t2, t3).bytes() != release.c)
        return fail("bad_proof", "the release is not proven to be of this share, custodian, buyer and purchase");
    return {};
}

}  // namespace fairstream::identity::crypto::custody
