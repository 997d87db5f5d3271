#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "base/result.hpp"

/// Owners of OpenSSL's objects, and the two ways a call of OpenSSL may fail: because of what came from outside (an
/// Error), or because we or the library are broken (FS_ASSERT).
namespace fairstream::identity::crypto::openssl {

template <auto Free>
struct Deleter {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
template <typename T, auto Free>
using Owner = std::unique_ptr<T, Deleter<Free>>;

using Pkey = Owner<EVP_PKEY, EVP_PKEY_free>;
using PkeyCtx = Owner<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtx = Owner<EVP_MD_CTX, EVP_MD_CTX_free>;
using MacCtx = Owner<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using CipherCtx = Owner<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Bio = Owner<BIO, BIO_free_all>;
using Bignum = Owner<BIGNUM, BN_clear_free>;
using BignumCtx = Owner<BN_CTX, BN_CTX_free>;
using Point = Owner<EC_POINT, EC_POINT_clear_free>;
using EcdsaSignature = Owner<ECDSA_SIG, ECDSA_SIG_free>;
using X509Certificate = Owner<X509, X509_free>;

/// Never fails unless memory or the library is gone.
template <typename T>
T* must(T* object) {
    FS_ASSERT(object != nullptr);
    return object;
}
inline void must(int success) {
    FS_ASSERT(success == 1);
}

/// `what`, then the reason OpenSSL gave last; empties this thread's error queue.
std::string reason(std::string_view what);

/// A memory BIO that reads `text` (which must outlive it), and one to write into.
Bio reader(std::string_view text);
Bio writer();
std::string written(BIO* bio);

}  // namespace fairstream::identity::crypto::openssl
