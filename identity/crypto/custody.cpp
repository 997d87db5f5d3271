#include "identity/crypto/custody.hpp"

#include <algorithm>
#include <optional>

#include "identity/crypto/curve.hpp"

namespace fairstream::identity::crypto::custody {

using curve::Element;
using curve::point;
using curve::times_g;

namespace {

constexpr std::size_t kMaxCustodians = 64;

// tests/identity/custody_test.cpp derives it again by RFC 9380.
constexpr Point kGeneratorH = {0x03, 0x2f, 0x4c, 0xc7, 0x27, 0xb8, 0x7d, 0x7b, 0x01, 0x85, 0xc3,
                               0xaf, 0x4e, 0xdb, 0xea, 0xaf, 0x4c, 0x7c, 0x3b, 0xac, 0xa0, 0xc5,
                               0x7f, 0xc6, 0x3d, 0x06, 0x9d, 0x8c, 0xb2, 0x8d, 0x61, 0x3c, 0x49};

const Element& element_h() {
    static const Element h = Element::from_sec1(kGeneratorH).value();
    return h;
}

Status check_threshold(const DealContext& context) {
    const std::size_t n = context.roster.size();
    const std::size_t t = context.threshold;
    if (n > kMaxCustodians || t > n || 2 * t <= n)
        return fail("bad_threshold", "a threshold t of n custodians needs n/2 < t <= n <= 64; here t is " +
                                         std::to_string(t) + ", n " + std::to_string(n));
    return {};
}

std::string custodian(std::size_t index) {
    return "custodian " + std::to_string(index);
}

/// The challenge of the proof that log_H(X_i) = log_{P_i}(Y_i), from the prover's T1 = w H and T2 = w P_i.
curve::Scalar share_challenge(ByteView context, const Element& x, const Point& p, const Point& y, const Element& t1,
                              const Element& t2) {
    return curve::Scalar::reduced(
        sha256(base::lp(as_bytes("fairstream/dleq/v1"), context, ByteView(kGeneratorH), ByteView(x.compressed()),
                        ByteView(p), ByteView(y), ByteView(t1.compressed()), ByteView(t2.compressed()))));
}

/// p(at) of the polynomial with these coefficients, lowest first (Horner).
curve::Scalar evaluate(std::span<const curve::Scalar> coefficients, std::uint64_t at) {
    const curve::Scalar x(at);
    curve::Scalar sum;
    for (std::size_t j = coefficients.size(); j-- > 0;) sum = sum * x + coefficients[j];
    return sum;
}

/// X_i = sum C_j i^j: the same in the exponent, so p(i) H without knowing p.
Element evaluate(std::span<const Element> commitments, std::uint64_t at) {
    const curve::Scalar x(at);
    Element sum;
    for (std::size_t j = commitments.size(); j-- > 0;) sum = x * sum + commitments[j];
    return sum;
}

StreamKey stream_key(const Element& secret, const DealContext& context) {
    const Bytes key = hkdf_sha256(secret.compressed(), context.encode(), as_bytes("fairstream/kek/v1"), 32);
    return StreamKey{to_hash(key).value()};
}

Status verify_share(ByteView context, std::span<const Element> commitments, const EncryptedShare& share,
                    const Point& custodian_key, std::size_t index) {
    FS_ASSIGN(const Element p, point(custodian_key, custodian(index) + "'s key"));
    FS_ASSIGN(const Element y, point(share.y, custodian(index) + "'s share"));
    const auto c = curve::Scalar::from_bytes(share.challenge);
    const auto r = curve::Scalar::from_bytes(share.response);
    if (!c || !r) return fail("bad_proof", custodian(index) + "'s proof is not below the group order");
    const Element x = evaluate(commitments, index);
    const Element t1 = *r * element_h() + *c * x;
    const Element t2 = *r * p + *c * y;
    if (x.is_identity() || t1.is_identity() || t2.is_identity() ||
        share_challenge(context, x, custodian_key, share.y, t1, t2).bytes() != share.challenge)
        return fail("bad_proof", custodian(index) + "'s share is not proven to be of the committed polynomial");
    return {};
}

}  // namespace

const Point& generator_h() {
    return kGeneratorH;
}

Hash DealContext::roster_hash() const {
    base::LengthPrefixed parts;
    for (const auto& [org, key] : roster) parts.add(org).add(ByteView(key));
    return sha256(parts.bytes());
}

Bytes DealContext::encode() const {
    Bytes epoch;
    base::append_u64(epoch, key_epoch);
    Bytes t;
    base::append_u32(t, threshold);
    return base::lp(as_bytes("fairstream/custody/v1"), as_bytes(network), as_bytes(stream), epoch, as_bytes(seller),
                    ByteView(roster_hash()), t);
}

Bytes release_context(const DealContext& deal, std::string_view purchase, std::string_view buyer) {
    return base::lp(deal.encode(), purchase, buyer);
}

Bytes StreamKey::encryption_subkey() const {
    return hkdf_sha256(key, {}, as_bytes("fairstream/enc/v1"), 32);
}

Bytes StreamKey::mac_subkey() const {
    return hkdf_sha256(key, {}, as_bytes("fairstream/mac/v1"), 32);
}

Hash StreamKey::check_value() const {
    return sha256_of({as_bytes("fairstream/kcv/v1"), key});
}

Result<Dealt> deal(const DealContext& context) {
    FS_TRY(check_threshold(context));
    std::vector<Scalar> coefficients;
    std::vector<Scalar> nonces;
    for (std::uint32_t j = 0; j < context.threshold; ++j) coefficients.push_back(curve::Scalar::random().bytes());
    for (std::size_t i = 0; i < context.roster.size(); ++i) nonces.push_back(curve::Scalar::random().bytes());
    auto dealt = deal_with(context, coefficients, nonces);
    for (auto* secrets : {&coefficients, &nonces})
        for (Scalar& secret : *secrets) OPENSSL_cleanse(secret.data(), secret.size());
    return dealt;
}

Result<Dealt> deal_with(const DealContext& context, std::span<const Scalar> coefficients,
                        std::span<const Scalar> nonces) {
    FS_TRY(check_threshold(context));
    if (coefficients.size() != context.threshold || nonces.size() != context.roster.size())
        return fail("bad_threshold", "a deal takes t coefficients and n nonces");
    const Bytes bound_to = context.encode();
    Dealt out;
    std::vector<curve::Scalar> polynomial;
    for (const Scalar& coefficient : coefficients) {
        FS_ASSIGN(auto a, curve::Scalar::from_nonzero_bytes(coefficient));
        out.dealing.commitments.push_back((a * element_h()).compressed());
        polynomial.push_back(std::move(a));
    }
    for (std::size_t i = 1; i <= context.roster.size(); ++i) {
        const Point& custodian_key = context.roster[i - 1].second;
        FS_ASSIGN(const Element p, point(custodian_key, custodian(i) + "'s key"));
        FS_ASSIGN(const curve::Scalar w, curve::Scalar::from_nonzero_bytes(nonces[i - 1]));
        const curve::Scalar share = evaluate(polynomial, i);
        if (share.is_zero()) return fail("bad_scalar", "the polynomial is zero at " + std::to_string(i));
        EncryptedShare sealed;
        sealed.y = (share * p).compressed();
        const curve::Scalar c =
            share_challenge(bound_to, share * element_h(), custodian_key, sealed.y, w * element_h(), w * p);
        sealed.challenge = c.bytes();
        sealed.response = (w - c * share).bytes();
        out.dealing.shares.push_back(sealed);
    }
    out.key = stream_key(times_g(polynomial[0]), context);
    out.dealing.key_check_value = out.key.check_value();
    return out;
}

Status verify_dealing(const DealContext& context, std::span<const Point> commitments,
                      std::span<const EncryptedShare> shares) {
    FS_TRY(check_threshold(context));
    if (commitments.size() != context.threshold || shares.size() != context.roster.size())
        return fail("bad_threshold", "a dealing has t commitments and n shares; here " +
                                         std::to_string(commitments.size()) + " and " + std::to_string(shares.size()));
    std::vector<Element> polynomial;
    for (const Point& commitment : commitments) {
        FS_ASSIGN(Element c, point(commitment, "commitment " + std::to_string(polynomial.size())));
        polynomial.push_back(std::move(c));
    }
    const Bytes bound_to = context.encode();
    for (std::size_t i = 1; i <= shares.size(); ++i)
        FS_TRY(verify_share(bound_to, polynomial, shares[i - 1], context.roster[i - 1].second, i));
    return {};
}

Result<StreamKey> combine(const SigningKey& buyer, std::span<const IndexedRelease> releases, const DealContext& context,
                          const Hash& key_check_value) {
    FS_TRY(check_threshold(context));
    const std::size_t t = context.threshold;
    if (releases.size() < t)
        return fail("too_few_releases",
                    std::to_string(t) + " releases are needed, here are " + std::to_string(releases.size()));
    releases = releases.first(t);
    for (std::size_t i = 0; i < t; ++i) {
        const std::uint32_t index = releases[i].index;
        const bool doubled = std::any_of(releases.begin(), releases.begin() + static_cast<std::ptrdiff_t>(i),
                                         [&](const IndexedRelease& before) { return before.index == index; });
        if (index == 0 || index > context.roster.size() || doubled)
            return fail("too_few_releases",
                        "the releases must be of different custodians of the roster; " + custodian(index) + " is not");
    }
    FS_ASSIGN(const curve::Scalar q, curve::Scalar::from_nonzero_bytes(buyer.scalar()));
    Element secret;
    for (const IndexedRelease& mine : releases) {
        FS_ASSIGN(const Element a, point(mine.release.a, custodian(mine.index) + "'s A"));
        FS_ASSIGN(const Element b, point(mine.release.b, custodian(mine.index) + "'s B"));
        curve::Scalar numerator(1);  // of Lagrange's coefficient at 0: product of j / (j - i)
        curve::Scalar denominator(1);
        for (const IndexedRelease& other : releases) {
            if (other.index == mine.index) continue;
            numerator = numerator * curve::Scalar(other.index);
            denominator = denominator * (curve::Scalar(other.index) - curve::Scalar(mine.index));
        }
        secret = secret + numerator * denominator.inverse() * (b - q * a);
    }
    if (secret.is_identity()) return fail("wrong_key", "the releases do not open the stream's key");
    StreamKey key = stream_key(secret, context);
    if (!base::equal_constant_time(key.check_value(), key_check_value)) {
        OPENSSL_cleanse(key.key.data(), key.key.size());
        return fail("wrong_key", "the releases do not open the key that the seller committed to");
    }
    return key;
}

}  // namespace fairstream::identity::crypto::custody
