#include "identity/crypto/hash.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "identity/crypto/openssl.hpp"

namespace fairstream::identity::crypto {

using openssl::must;

namespace {

// Fetched once: an implicit fetch at each use costs more than hashing a short message.
const EVP_MD* sha256_algorithm() {
    static EVP_MD* const algorithm = must(EVP_MD_fetch(nullptr, "SHA256", nullptr));
    return algorithm;
}

openssl::MacCtx new_hmac() {
    static EVP_MAC* const algorithm = must(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    openssl::MacCtx context(must(EVP_MAC_CTX_new(algorithm)));
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                     OSSL_PARAM_construct_end()};
    must(EVP_MAC_CTX_set_params(context.get(), parameters));
    return context;
}

void start_hmac(EVP_MAC_CTX* context, ByteView key) {
    // A null key would mean "the key used before".
    static const std::uint8_t empty = 0;
    must(EVP_MAC_init(context, key.empty() ? &empty : key.data(), key.size(), nullptr));
}

void finish_hmac(EVP_MAC_CTX* context, Hash& out) {
    std::size_t size = 0;
    must(EVP_MAC_final(context, out.data(), &size, out.size()));
    FS_ASSERT(size == out.size());
}

}  // namespace

Hash sha256_of(std::initializer_list<ByteView> parts) {
    thread_local const openssl::MdCtx context(must(EVP_MD_CTX_new()));
    Hash out;
    must(EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr));
    for (const ByteView part : parts) must(EVP_DigestUpdate(context.get(), part.data(), part.size()));
    must(EVP_DigestFinal_ex(context.get(), out.data(), nullptr));
    return out;
}

Hash sha256(ByteView data) {
    return sha256_of({data});
}

Hash hmac_sha256(ByteView key, ByteView data) {
    thread_local const openssl::MacCtx context = new_hmac();
    Hash out;
    start_hmac(context.get(), key);
    must(EVP_MAC_update(context.get(), data.data(), data.size()));
    finish_hmac(context.get(), out);
    return out;
}

Bytes hkdf_sha256(ByteView input_key, ByteView salt, ByteView info, std::size_t length) {
    FS_ASSERT(length <= 255 * sizeof(Hash));
    Hash pseudo_random_key = hmac_sha256(salt, input_key);
    Bytes out;
    Bytes block;  // T(i) = HMAC(PRK, T(i-1) || info || i)
    for (std::uint8_t i = 1; out.size() < length; ++i) {
        append(block, info);
        block.push_back(i);
        const Hash t = hmac_sha256(pseudo_random_key, block);
        append(out, ByteView(t).first(std::min(sizeof(Hash), length - out.size())));
        OPENSSL_cleanse(block.data(), block.size());
        block.assign(t.begin(), t.end());
    }
    OPENSSL_cleanse(block.data(), block.size());
    OPENSSL_cleanse(pseudo_random_key.data(), pseudo_random_key.size());
    return out;
}

Bytes random_bytes(std::size_t count) {
    Bytes out(count);
    must(RAND_bytes(out.data(), static_cast<int>(count)));
    return out;
}

Hash random_hash() {
    Hash out;
    must(RAND_bytes(out.data(), static_cast<int>(out.size())));
    return out;
}

Result<Hash> to_hash(ByteView bytes) {
    Hash out;
    if (bytes.size() != out.size())
        return fail("bad_length", "a SHA-256 hash has 32 bytes, not " + std::to_string(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

struct Hasher::Impl {
    openssl::MdCtx digest;  // either this
    openssl::MacCtx mac;    // or this
};

Hasher::Hasher() : impl_(std::make_unique<Impl>()) {
    impl_->digest.reset(must(EVP_MD_CTX_new()));
    must(EVP_DigestInit_ex2(impl_->digest.get(), sha256_algorithm(), nullptr));
}

Hasher::Hasher(ByteView hmac_key) : impl_(std::make_unique<Impl>()) {
    impl_->mac = new_hmac();
    start_hmac(impl_->mac.get(), hmac_key);
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::update(ByteView data) {
    FS_ASSERT(impl_ != nullptr);
    if (impl_->digest)
        must(EVP_DigestUpdate(impl_->digest.get(), data.data(), data.size()));
    else
        must(EVP_MAC_update(impl_->mac.get(), data.data(), data.size()));
    return *this;
}

Hash Hasher::finish() {
    FS_ASSERT(impl_ != nullptr);
    Hash out;
    if (impl_->digest)
        must(EVP_DigestFinal_ex(impl_->digest.get(), out.data(), nullptr));
    else
        finish_hmac(impl_->mac.get(), out);
    impl_.reset();
    return out;
}

}  // namespace fairstream::identity::crypto
