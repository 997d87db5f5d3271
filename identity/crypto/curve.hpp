#pragma once

#include "identity/crypto/keys.hpp"
#include "identity/crypto/openssl.hpp"

/// Arithmetic of P-256 as values, so that formulas read as in the paper. Only identity/crypto uses it. A scalar is an
/// integer modulo the group order n; it is marked constant-time and wiped when it goes.
namespace fairstream::identity::crypto::curve {

const EC_GROUP* group();

class Scalar {
public:
    Scalar();  // zero
    explicit Scalar(std::uint64_t small);
    Scalar(const Scalar& other);
    Scalar& operator=(const Scalar& other);
    Scalar(Scalar&&) noexcept = default;
    Scalar& operator=(Scalar&&) noexcept = default;

    /// A canonical 32-byte integer: below n. Error: bad_scalar.
    static Result<Scalar> from_bytes(ByteView bytes);
    /// The same, and not zero. Error: bad_scalar.
    static Result<Scalar> from_nonzero_bytes(ByteView bytes);
    /// A hash reduced modulo n: a challenge.
    static Scalar reduced(const Hash& hash);
    /// Uniform in 1..n-1.
    static Scalar random();

    std::array<std::uint8_t, 32> bytes() const;
    bool is_zero() const;
    /// Precondition: not zero.
    Scalar inverse() const;

    friend Scalar operator+(const Scalar& a, const Scalar& b);
    friend Scalar operator-(const Scalar& a, const Scalar& b);
    friend Scalar operator*(const Scalar& a, const Scalar& b);

    const BIGNUM* get() const { return value_.get(); }

private:
    openssl::Bignum value_;
};

class Element {
public:
    Element();  // the identity
    Element(const Element& other);
    Element& operator=(const Element& other);
    Element(Element&&) noexcept = default;
    Element& operator=(Element&&) noexcept = default;

    /// SEC1, compressed or uncompressed; on the curve and not the identity. Error: bad_point.
    static Result<Element> from_sec1(ByteView bytes);

    bool is_identity() const;
    /// Precondition: not the identity.
    CompressedPoint compressed() const;
    std::array<std::uint8_t, 65> uncompressed() const;

    friend Element operator+(const Element& a, const Element& b);
    friend Element operator-(const Element& a, const Element& b);
    friend Element operator*(const Scalar& k, const Element& p);
    /// k G.
    friend Element times_g(const Scalar& k);

private:
    openssl::Point point_;
};

Element times_g(const Scalar& k);

/// Element::from_sec1, whose error says which point (`name`) is bad. Error: bad_point.
Result<Element> point(ByteView bytes, std::string_view name);

}  // namespace fairstream::identity::crypto::curve
