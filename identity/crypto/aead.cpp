#include "identity/crypto/aead.hpp"

#include "identity/crypto/openssl.hpp"

namespace fairstream::identity::crypto {

using openssl::must;

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

const EVP_CIPHER* aes_256_gcm() {
    static EVP_CIPHER* const algorithm = must(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
    return algorithm;
}

/// A thread's cipher context for one operation; the key is wiped from it afterwards.
class Operation {
public:
    Operation(ByteView key, ByteView nonce, bool sealing) {
        FS_ASSERT(key.size() == kKeyBytes);
        FS_ASSERT(nonce.size() == kNonceBytes);
        must(EVP_CipherInit_ex2(get(), aes_256_gcm(), key.data(), nonce.data(), sealing ? 1 : 0, nullptr));
    }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() { EVP_CIPHER_CTX_reset(get()); }

    EVP_CIPHER_CTX* get() const {
        thread_local const openssl::CipherCtx context(must(EVP_CIPHER_CTX_new()));
        return context.get();
    }

    /// Null `out`: associated data.
    void update(std::uint8_t* out, ByteView in) const {
        int written = 0;
        if (!in.empty()) must(EVP_CipherUpdate(get(), out, &written, in.data(), static_cast<int>(in.size())));
    }

    bool finish() const {
        std::uint8_t nothing[kTagBytes];
        int written = 0;
        return EVP_CipherFinal_ex(get(), nothing, &written) == 1;
    }
};

}  // namespace

Bytes aead_seal(ByteView key, ByteView nonce, ByteView associated, ByteView plaintext) {
    const Operation operation(key, nonce, /*sealing=*/true);
    Bytes out(plaintext.size() + kTagBytes);
    operation.update(nullptr, associated);
    operation.update(out.data(), plaintext);
    FS_ASSERT(operation.finish());
    must(EVP_CIPHER_CTX_ctrl(operation.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, out.data() + plaintext.size()));
    return out;
}

Result<Bytes> aead_open(ByteView key, ByteView nonce, ByteView associated, ByteView sealed) {
    if (sealed.size() < kTagBytes)
        return fail("too_short", "a sealed message has at least 16 bytes, not " + std::to_string(sealed.size()));
    const Operation operation(key, nonce, /*sealing=*/false);
    const ByteView ciphertext = sealed.first(sealed.size() - kTagBytes);
    Bytes tag = to_bytes(sealed.last(kTagBytes));
    Bytes out(ciphertext.size());
    operation.update(nullptr, associated);
    operation.update(out.data(), ciphertext);
    must(EVP_CIPHER_CTX_ctrl(operation.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()));
    if (!operation.finish()) {
        OPENSSL_cleanse(out.data(), out.size());
        ERR_clear_error();
        return fail("bad_tag", "the message, its associated data, nonce or key are not what was sealed");
    }
    return out;
}

}  // namespace fairstream::identity::crypto
