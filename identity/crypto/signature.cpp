#include "identity/crypto/signature.hpp"

#include <algorithm>

#include "identity/crypto/curve.hpp"

namespace fairstream::identity::crypto {

using openssl::must;

namespace {

// floor(n / 2) of P-256.
constexpr std::array<std::uint8_t, 32> kHalfOrder = {0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff,
                                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b,
                                                     0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

/// An unsigned integer in DER: no leading zeros, but one if the first bit is set.
void append_integer(Bytes& der, ByteView value) {
    while (value.size() > 1 && value[0] == 0) value = value.subspan(1);
    const bool padded = (value[0] & 0x80) != 0;
    der.push_back(0x02);
    der.push_back(static_cast<std::uint8_t>(value.size() + (padded ? 1 : 0)));
    if (padded) der.push_back(0x00);
    append(der, value);
}

}  // namespace

bool is_low_s(const Signature& signature) {
    return std::lexicographical_compare_three_way(signature.begin() + 32, signature.end(), kHalfOrder.begin(),
                                                  kHalfOrder.end()) <= 0;
}

Result<Signature> to_signature(ByteView bytes) {
    Signature out;
    if (bytes.size() != out.size())
        return fail("bad_length", "a signature has 64 bytes (r || s), not " + std::to_string(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

Bytes signature_to_der(const Signature& signature) {
    Bytes der = {0x30, 0x00};
    der.reserve(72);
    append_integer(der, ByteView(signature).first(32));
    append_integer(der, ByteView(signature).last(32));
    der[1] = static_cast<std::uint8_t>(der.size() - 2);  // at most 70: a one-byte length
    return der;
}

Result<Signature> signature_from_der(ByteView der) {
    constexpr std::size_t kMaxDer = 72;
    if (der.size() > kMaxDer) return fail("bad_signature", "an ECDSA P-256 signature in DER has at most 72 bytes");
    const unsigned char* cursor = der.data();
    const openssl::EcdsaSignature parsed(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())));
    if (!parsed || cursor != der.data() + der.size())
        return fail("bad_signature", openssl::reason("not an ECDSA signature in DER"));
    const BIGNUM* r = ECDSA_SIG_get0_r(parsed.get());
    const BIGNUM* s = ECDSA_SIG_get0_s(parsed.get());
    const BIGNUM* n = EC_GROUP_get0_order(curve::group());
    for (const BIGNUM* value : {r, s})
        if (BN_is_zero(value) || BN_is_negative(value) || BN_cmp(value, n) >= 0)
            return fail("bad_signature", "r or s is not between 1 and the group order");
    Signature out;
    FS_ASSERT(BN_bn2binpad(r, out.data(), 32) == 32);
    FS_ASSERT(BN_bn2binpad(s, out.data() + 32, 32) == 32);
    if (!is_low_s(out)) {
        const openssl::Bignum low(must(BN_new()));
        must(BN_sub(low.get(), n, s));
        FS_ASSERT(BN_bn2binpad(low.get(), out.data() + 32, 32) == 32);
    }
    return out;
}

Bytes signing_input(std::string_view type, std::string_view network, ByteView payload) {
    return base::lp("fairstream/" + std::string(type), network, payload);
}

}  // namespace fairstream::identity::crypto
