#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <algorithm>
#include <atomic>

#include "identity/crypto/curve.hpp"
#include "identity/crypto/keys_impl.hpp"
#include "identity/crypto/signature.hpp"

namespace fairstream::identity::crypto {

using openssl::must;

namespace {

std::atomic<std::uint64_t> verification_count{0};

openssl::Pkey make_pkey(std::span<const std::uint8_t, 65> uncompressed) {
    const openssl::PkeyCtx context(must(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)));
    must(EVP_PKEY_fromdata_init(context.get()));
    char group[] = "prime256v1";
    std::array<std::uint8_t, 65> point{};
    std::copy(uncompressed.begin(), uncompressed.end(), point.begin());
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                               OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
                               OSSL_PARAM_construct_end()};
    EVP_PKEY* made = nullptr;
    must(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters));
    return openssl::Pkey(made);
}

/// The point of an EC key on P-256 with named parameters; anything else is refused.
Result<VerifyingKey> from_pkey(EVP_PKEY* pkey, std::string_view what) {
    if (pkey == nullptr) return fail("bad_key", openssl::reason(what));
    std::array<char, 32> group{};
    std::array<std::uint8_t, 65> point{};
    std::size_t size = 0;
    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) != 1 ||
        std::string_view(group.data()) != "prime256v1")
        return fail("bad_key", openssl::reason("the public key is not a P-256 key"));
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) != 1)
        return fail("bad_key", openssl::reason("the public key has no point"));
    return VerifyingKey::from_sec1(ByteView(point).first(size));
}

}  // namespace

Result<VerifyingKey> VerifyingKey::from_sec1(ByteView point) {
    auto element = curve::Element::from_sec1(point);
    if (!element) return fail("bad_key", "not a P-256 public key: " + element.error().message);
    const auto uncompressed = element->uncompressed();
    auto impl = std::make_shared<Impl>();
    impl->compressed = element->compressed();
    std::copy(uncompressed.begin() + 1, uncompressed.end(), impl->xy.begin());
    impl->pkey = make_pkey(uncompressed);
    impl->verifier.reset(must(EVP_PKEY_CTX_new_from_pkey(nullptr, impl->pkey.get(), nullptr)));
    must(EVP_PKEY_verify_init(impl->verifier.get()));
    VerifyingKey key;
    key.impl_ = std::move(impl);
    return key;
}

Result<VerifyingKey> VerifyingKey::from_pem(std::string_view pem) {
    if (pem.size() > kMaxPemBytes) return fail("bad_key", "a public key in PEM has at most 16 KiB");
    const auto bio = openssl::reader(pem);
    const openssl::Pkey pkey(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
    return from_pkey(pkey.get(), "not a public key in PEM (BEGIN PUBLIC KEY)");
}

Result<VerifyingKey> VerifyingKey::from_spki_der(ByteView der) {
    if (der.size() > kMaxPemBytes) return fail("bad_key", "a public key in DER has at most 16 KiB");
    const unsigned char* cursor = der.data();
    const openssl::Pkey pkey(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())));
    if (pkey && cursor != der.data() + der.size()) return fail("bad_key", "bytes follow the public key");
    return from_pkey(pkey.get(), "not a SubjectPublicKeyInfo in DER");
}

const CompressedPoint& VerifyingKey::compressed() const {
    FS_ASSERT(impl_ != nullptr);
    return impl_->compressed;
}

std::array<std::uint8_t, 64> VerifyingKey::xy() const {
    FS_ASSERT(impl_ != nullptr);
    return impl_->xy;
}

std::string VerifyingKey::to_pem() const {
    FS_ASSERT(impl_ != nullptr);
    const auto bio = openssl::writer();
    must(PEM_write_bio_PUBKEY(bio.get(), impl_->pkey.get()));
    return openssl::written(bio.get());
}

bool VerifyingKey::verify(ByteView message, const Signature& signature) const {
    return verify_digest(sha256(message), signature);
}

bool VerifyingKey::verify_digest(const Hash& digest, const Signature& signature) const {
    FS_ASSERT(impl_ != nullptr);
    verification_count.fetch_add(1, std::memory_order_relaxed);
    if (!is_low_s(signature)) return false;
    const openssl::PkeyCtx context(must(EVP_PKEY_CTX_dup(impl_->verifier.get())));
    const Bytes der = signature_to_der(signature);
    const bool good = EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

std::uint64_t verifications() {
    return verification_count.load(std::memory_order_relaxed);
}

}  // namespace fairstream::identity::crypto
