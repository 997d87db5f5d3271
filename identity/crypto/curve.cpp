#include "identity/crypto/curve.hpp"

#include <openssl/obj_mac.h>

namespace fairstream::identity::crypto::curve {

using openssl::must;

namespace {

const BIGNUM* order() {
    static const BIGNUM* const n = must(EC_GROUP_get0_order(group()));
    return n;
}

BN_CTX* scratch() {
    thread_local const openssl::BignumCtx context(must(BN_CTX_secure_new()));
    return context.get();
}

}  // namespace

const EC_GROUP* group() {
    static const EC_GROUP* const p256 = must(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    return p256;
}

Scalar::Scalar() : value_(must(BN_secure_new())) {
    BN_set_flags(value_.get(), BN_FLG_CONSTTIME);
}

Scalar::Scalar(std::uint64_t small) : Scalar() {
    must(BN_set_word(value_.get(), small));
}

Scalar::Scalar(const Scalar& other) : Scalar() {
    must(BN_copy(value_.get(), other.get()));
}

Scalar& Scalar::operator=(const Scalar& other) {
    if (this != &other) *this = Scalar(other);
    return *this;
}

Result<Scalar> Scalar::from_bytes(ByteView bytes) {
    if (bytes.size() != 32) return fail("bad_scalar", "a scalar has 32 bytes, not " + std::to_string(bytes.size()));
    Scalar out;
    must(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), out.value_.get()));
    if (BN_cmp(out.get(), order()) >= 0) return fail("bad_scalar", "the scalar is not below the group order");
    return out;
}

Result<Scalar> Scalar::from_nonzero_bytes(ByteView bytes) {
    FS_ASSIGN(Scalar out, from_bytes(bytes));
    if (out.is_zero()) return fail("bad_scalar", "the scalar is zero");
    return out;
}

Scalar Scalar::reduced(const Hash& hash) {
    Scalar wide;
    must(BN_bin2bn(hash.data(), static_cast<int>(hash.size()), wide.value_.get()));
    Scalar out;
    must(BN_nnmod(out.value_.get(), wide.get(), order(), scratch()));
    return out;
}

Scalar Scalar::random() {
    Scalar out;
    do {
        must(BN_priv_rand_range(out.value_.get(), order()));
    } while (out.is_zero());
    return out;
}

std::array<std::uint8_t, 32> Scalar::bytes() const {
    std::array<std::uint8_t, 32> out;
    FS_ASSERT(BN_bn2binpad(get(), out.data(), static_cast<int>(out.size())) == 32);
    return out;
}

bool Scalar::is_zero() const {
    return BN_is_zero(get());
}

Scalar Scalar::inverse() const {
    FS_ASSERT(!is_zero());
    Scalar out;
    must(BN_mod_inverse(out.value_.get(), get(), order(), scratch()));
    return out;
}

Scalar operator+(const Scalar& a, const Scalar& b) {
    Scalar out;
    must(BN_mod_add_quick(out.value_.get(), a.get(), b.get(), order()));
    return out;
}

Scalar operator-(const Scalar& a, const Scalar& b) {
    Scalar out;
    must(BN_mod_sub_quick(out.value_.get(), a.get(), b.get(), order()));
    return out;
}

Scalar operator*(const Scalar& a, const Scalar& b) {
    Scalar out;
    must(BN_mod_mul(out.value_.get(), a.get(), b.get(), order(), scratch()));
    return out;
}

Element::Element() : point_(must(EC_POINT_new(group()))) {}

Element::Element(const Element& other) : point_(must(EC_POINT_dup(other.point_.get(), group()))) {}

Element& Element::operator=(const Element& other) {
    if (this != &other) *this = Element(other);
    return *this;
}

Result<Element> Element::from_sec1(ByteView bytes) {
    const bool compressed = bytes.size() == 33 && (bytes[0] == 0x02 || bytes[0] == 0x03);
    const bool uncompressed = bytes.size() == 65 && bytes[0] == 0x04;
    if (!compressed && !uncompressed)
        return fail("bad_point",
                    "a point has 33 bytes (first 02 or 03) or 65 (first 04); here are " + std::to_string(bytes.size()));
    Element out;
    if (EC_POINT_oct2point(group(), out.point_.get(), bytes.data(), bytes.size(), scratch()) != 1 ||
        EC_POINT_is_on_curve(group(), out.point_.get(), scratch()) != 1 || out.is_identity())
        return fail("bad_point", openssl::reason("the bytes are not a point of P-256"));
    return out;
}

bool Element::is_identity() const {
    return EC_POINT_is_at_infinity(group(), point_.get()) == 1;
}

CompressedPoint Element::compressed() const {
    CompressedPoint out;
    FS_ASSERT(EC_POINT_point2oct(group(), point_.get(), POINT_CONVERSION_COMPRESSED, out.data(), out.size(),
                                 scratch()) == out.size());
    return out;
}

std::array<std::uint8_t, 65> Element::uncompressed() const {
    std::array<std::uint8_t, 65> out;
    FS_ASSERT(EC_POINT_point2oct(group(), point_.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                                 scratch()) == out.size());
    return out;
}

Element operator+(const Element& a, const Element& b) {
    Element out;
    must(EC_POINT_add(group(), out.point_.get(), a.point_.get(), b.point_.get(), scratch()));
    return out;
}

Element operator-(const Element& a, const Element& b) {
    Element negative(b);
    must(EC_POINT_invert(group(), negative.point_.get(), scratch()));
    return a + negative;
}

Element operator*(const Scalar& k, const Element& p) {
    Element out;
    must(EC_POINT_mul(group(), out.point_.get(), nullptr, p.point_.get(), k.get(), scratch()));
    return out;
}

Element times_g(const Scalar& k) {
    Element out;
    must(EC_POINT_mul(group(), out.point_.get(), k.get(), nullptr, nullptr, scratch()));
    return out;
}

Result<Element> point(ByteView bytes, std::string_view name) {
    auto element = Element::from_sec1(bytes);
    if (!element) return fail("bad_point", std::string(name) + ": " + element.error().message);
    return element;
}

}  // namespace fairstream::identity::crypto::curve
