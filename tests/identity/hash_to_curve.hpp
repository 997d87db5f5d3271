#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>

#include <array>
#include <string_view>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "identity/crypto/curve.hpp"

/// RFC 9380, suite P256_XMD:SHA-256_SSWU_RO_, written out plainly from the RFC's text: only to derive again, in a test,
/// the one point that the code keeps as a constant. Not constant-time.
namespace hash_to_curve {

using fairstream::Bytes;
using fairstream::ByteView;
using namespace fairstream::identity::crypto;

/// An element of the field GF(p) of P-256.
class Field {
public:
    Field() : value_(openssl::must(BN_new())) {}
    explicit Field(std::string_view hex) : Field() {
        BIGNUM* raw = value_.get();
        FS_ASSERT(BN_hex2bn(&raw, std::string(hex).c_str()) != 0);
        reduce();
    }
    explicit Field(ByteView bytes) : Field() {
        openssl::must(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), value_.get()));
        reduce();
    }
    Field(const Field& other) : value_(openssl::must(BN_dup(other.value_.get()))) {}
    Field& operator=(const Field& other) {
        openssl::must(BN_copy(value_.get(), other.value_.get()));
        return *this;
    }

    static const Field& p() {
        static const Field prime = [] {
            Field out;
            openssl::must(EC_GROUP_get_curve(curve::group(), out.value_.get(), nullptr, nullptr, nullptr));
            return out;
        }();
        return prime;
    }

    friend Field operator+(const Field& a, const Field& b) { return apply(BN_mod_add, a, b); }
    friend Field operator-(const Field& a, const Field& b) { return apply(BN_mod_sub, a, b); }
    friend Field operator*(const Field& a, const Field& b) { return apply(BN_mod_mul, a, b); }
    friend bool operator==(const Field& a, const Field& b) { return BN_cmp(a.value_.get(), b.value_.get()) == 0; }

    /// To the power of (p + `add`) / 2^`shift`: the powers that inversion, square roots and their test need.
    Field power(long add, int shift) const {
        Field exponent = p();
        if (add >= 0) openssl::must(BN_add_word(exponent.value_.get(), static_cast<BN_ULONG>(add)));
        if (add < 0) openssl::must(BN_sub_word(exponent.value_.get(), static_cast<BN_ULONG>(-add)));
        openssl::must(BN_rshift(exponent.value_.get(), exponent.value_.get(), shift));
        Field out;
        openssl::must(BN_mod_exp(out.value_.get(), value_.get(), exponent.value_.get(), p().value_.get(), scratch()));
        return out;
    }
    Field inverse() const { return power(-2, 0); }     // inv0: zero stays zero
    Field square_root() const { return power(1, 2); }  // p = 3 mod 4
    bool is_zero() const { return BN_is_zero(value_.get()); }
    bool is_square() const { return is_zero() || BN_is_one(power(-1, 1).value_.get()); }
    bool sign() const { return BN_is_odd(value_.get()); }  // sgn0
    Bytes bytes() const {
        Bytes out(32);
        FS_ASSERT(BN_bn2binpad(value_.get(), out.data(), 32) == 32);
        return out;
    }

private:
    static BN_CTX* scratch() {
        static const openssl::BignumCtx context(openssl::must(BN_CTX_new()));
        return context.get();
    }
    template <typename Operation>
    static Field apply(Operation operation, const Field& a, const Field& b) {
        Field out;
        openssl::must(operation(out.value_.get(), a.value_.get(), b.value_.get(), p().value_.get(), scratch()));
        return out;
    }
    void reduce() { openssl::must(BN_nnmod(value_.get(), value_.get(), p().value_.get(), scratch())); }

    openssl::Bignum value_;
};

/// Section 5.3.1, expand_message_xmd with SHA-256.
inline Bytes expand_message(ByteView message, std::string_view dst, std::size_t length) {
    Bytes dst_prime = fairstream::to_bytes(dst);
    dst_prime.push_back(static_cast<std::uint8_t>(dst.size()));
    Bytes first(64, 0);  // Z_pad
    fairstream::append(first, message);
    fairstream::base::append_u16(first, static_cast<std::uint16_t>(length));
    first.push_back(0);
    fairstream::append(first, dst_prime);
    const Hash b0 = sha256(first);
    Hash previous{};
    Bytes out;
    for (std::uint8_t i = 1; out.size() < length; ++i) {
        Hash mixed = b0;
        for (std::size_t j = 0; j < mixed.size(); ++j) mixed[j] = static_cast<std::uint8_t>(mixed[j] ^ previous[j]);
        previous = sha256_of({mixed, ByteView(&i, 1), dst_prime});
        fairstream::append(out, previous);
    }
    out.resize(length);
    return out;
}

/// Section 6.6.2, the simplified Shallue-van de Woestijne-Ulas map, Z = -10.
inline curve::Element map_to_curve(const Field& u) {
    const Field a = Field() - Field("3");
    const Field b("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
    const Field z = Field() - Field("a");
    const Field one("1");
    const auto g = [&](const Field& x) { return x * x * x + a * x + b; };

    const Field zu2 = z * u * u;
    const Field tv1 = (zu2 * zu2 + zu2).inverse();
    const Field x1 = tv1.is_zero() ? b * (z * a).inverse() : (Field() - b) * a.inverse() * (one + tv1);
    const Field x = g(x1).is_square() ? x1 : zu2 * x1;
    Field y = g(x).square_root();
    if (y.sign() != u.sign()) y = Field() - y;

    Bytes sec1 = {0x04};
    fairstream::append(sec1, x.bytes());
    fairstream::append(sec1, y.bytes());
    return curve::Element::from_sec1(sec1).value();
}

/// Section 3: two field elements of 48 bytes each (L), mapped and added; the cofactor is 1.
inline curve::Element hash_to_curve(ByteView message, std::string_view dst) {
    const Bytes uniform = expand_message(message, dst, 96);
    return map_to_curve(Field(ByteView(uniform).first(48))) + map_to_curve(Field(ByteView(uniform).last(48)));
}

}  // namespace hash_to_curve
