#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file.hpp"
#include "identity/crypto/curve.hpp"
#include "identity/crypto/keys_impl.hpp"

namespace fairstream::identity::crypto {

using openssl::must;

namespace {

constexpr int kPbkdf2Rounds = 600'000;  // OWASP's advice for PBKDF2 with HMAC-SHA256
constexpr std::string_view kPlainHeader = "-----BEGIN PRIVATE KEY-----";
constexpr std::string_view kEncryptedHeader = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

using PrivateKeyInfo = openssl::Owner<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using EncryptedInfo = openssl::Owner<X509_SIG, X509_SIG_free>;
using ParamBuilder = openssl::Owner<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = openssl::Owner<OSSL_PARAM, OSSL_PARAM_free>;

openssl::Pkey make_pkey(const curve::Scalar& secret, std::span<const std::uint8_t> point) {
    const ParamBuilder builder(must(OSSL_PARAM_BLD_new()));
    must(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0));
    must(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()));
    must(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()));
    const Params parameters(must(OSSL_PARAM_BLD_to_param(builder.get())));
    const openssl::PkeyCtx context(must(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)));
    must(EVP_PKEY_fromdata_init(context.get()));
    EVP_PKEY* made = nullptr;
    must(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()));
    return openssl::Pkey(made);
}

Result<PrivateKeyInfo> read_info(std::string_view pem, std::string_view passphrase) {
    if (pem.size() > kMaxPemBytes) return fail("bad_key", "a key file has at most 16 KiB");
    const bool encrypted = pem.find(kEncryptedHeader) != std::string_view::npos;
    if (!encrypted && pem.find(kPlainHeader) == std::string_view::npos)
        return fail("bad_key", "not a private key in PKCS#8 PEM (BEGIN PRIVATE KEY or BEGIN ENCRYPTED PRIVATE KEY)");
    const auto bio = openssl::reader(pem);
    if (!encrypted) {
        PrivateKeyInfo info(PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio.get(), nullptr, nullptr, nullptr));
        if (!info) return fail("bad_key", openssl::reason("the private key cannot be read"));
        return info;
    }
    const EncryptedInfo sealed(PEM_read_bio_PKCS8(bio.get(), nullptr, nullptr, nullptr));
    if (!sealed) return fail("bad_key", openssl::reason("the encrypted private key cannot be read"));
    PrivateKeyInfo info(PKCS8_decrypt(sealed.get(), passphrase.data(), static_cast<int>(passphrase.size())));
    if (!info) return fail("wrong_passphrase", openssl::reason("the private key does not open with this passphrase"));
    return info;
}

std::string os_reason(const std::filesystem::path& file) {
    return file.string() + ": " + std::strerror(errno);
}

}  // namespace

SigningKey SigningKey::generate() {
    const auto bytes = curve::Scalar::random().bytes();
    auto key = from_scalar(bytes);
    FS_ASSERT(key.has_value());
    return *std::move(key);
}

Result<SigningKey> SigningKey::from_scalar(ByteView scalar) {
    auto secret = curve::Scalar::from_nonzero_bytes(scalar);
    if (!secret) return fail("bad_key", "not a P-256 private key: " + secret.error().message);
    const auto point = curve::times_g(*secret).uncompressed();
    FS_ASSIGN(auto public_key, VerifyingKey::from_sec1(point));
    auto impl = std::make_shared<Impl>();
    impl->public_key = std::move(public_key);
    impl->scalar = secret->bytes();
    impl->pkey = make_pkey(*secret, point);
    SigningKey key;
    key.impl_ = std::move(impl);
    return key;
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem, std::string_view passphrase) {
    FS_ASSIGN(const PrivateKeyInfo info, read_info(pem, passphrase));
    const openssl::Pkey pkey(EVP_PKCS82PKEY(info.get()));
    if (!pkey) return fail("bad_key", openssl::reason("the private key cannot be read"));
    std::array<char, 32> group{};
    std::size_t size = 0;
    if (EVP_PKEY_get_utf8_string_param(pkey.get(), OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) !=
            1 ||
        std::string_view(group.data()) != "prime256v1")
        return fail("bad_key", openssl::reason("the private key is not a P-256 key"));
    BIGNUM* secret = nullptr;
    if (EVP_PKEY_get_bn_param(pkey.get(), OSSL_PKEY_PARAM_PRIV_KEY, &secret) != 1)
        return fail("bad_key", openssl::reason("the private key has no secret"));
    const openssl::Bignum owned(secret);
    std::array<std::uint8_t, 32> scalar{};
    const bool fits = BN_bn2binpad(secret, scalar.data(), 32) == 32;
    auto key = from_scalar(fits ? ByteView(scalar) : ByteView());
    OPENSSL_cleanse(scalar.data(), scalar.size());
    return key;
}

Result<SigningKey> SigningKey::load(const std::filesystem::path& file, std::string_view passphrase) {
    const base::FileDescriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened) return fail(errno == ENOENT ? "not_found" : "io_error", os_reason(file));
    struct stat about {};
    if (::fstat(opened.get(), &about) != 0) return fail("io_error", os_reason(file));
    if (!S_ISREG(about.st_mode)) return fail("bad_key", file.string() + ": not a regular file");
    if ((about.st_mode & 077) != 0)
        return fail("bad_mode", file.string() + ": others may use this key; its mode must be 0600 (chmod 600)");
    if (about.st_size < 0 || static_cast<std::size_t>(about.st_size) > kMaxPemBytes)
        return fail("bad_key", file.string() + ": a key file has at most 16 KiB");
    FS_ASSIGN(Bytes pem, base::read_exact(opened.get(), static_cast<std::size_t>(about.st_size), 0));
    auto key = from_pem(as_text(pem), passphrase);
    OPENSSL_cleanse(pem.data(), pem.size());
    if (!key) return fail(key.error().code, file.string() + ": " + key.error().message);
    return key;
}

Status SigningKey::save(const std::filesystem::path& file, std::string_view passphrase) const {
    std::string pem = to_pem(passphrase);
    const base::FileDescriptor opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!opened) return fail(errno == EEXIST ? "exists" : "io_error", os_reason(file));
    Status written = base::write_all(opened.get(), as_bytes(pem), 0);
    OPENSSL_cleanse(pem.data(), pem.size());
    if (written && (::fchmod(opened.get(), 0600) != 0 || ::fsync(opened.get()) != 0))
        written = fail("io_error", os_reason(file));
    if (!written) {
        ::unlink(file.c_str());
        return written;
    }
    return base::sync_folder(file.has_parent_path() ? file.parent_path() : ".");
}

const VerifyingKey& SigningKey::public_key() const {
    FS_ASSERT(impl_ != nullptr);
    return impl_->public_key;
}

std::string SigningKey::to_pem(std::string_view passphrase) const {
    FS_ASSERT(impl_ != nullptr);
    const PrivateKeyInfo info(must(EVP_PKEY2PKCS8(impl_->pkey.get())));
    const auto bio = openssl::writer();
    if (passphrase.empty()) {
        must(PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio.get(), info.get()));
    } else {
        const EncryptedInfo sealed(must(PKCS8_encrypt(/*pbe_nid=*/-1, EVP_aes_256_cbc(), passphrase.data(),
                                                      static_cast<int>(passphrase.size()), /*salt=*/nullptr,
                                                      /*saltlen=*/16, kPbkdf2Rounds, info.get())));
        must(PEM_write_bio_PKCS8(bio.get(), sealed.get()));
    }
    return openssl::written(bio.get());
}

Bytes SigningKey::scalar() const {
    FS_ASSERT(impl_ != nullptr);
    return to_bytes(ByteView(impl_->scalar));
}

Signature SigningKey::sign(ByteView message) const {
    return sign_digest(sha256(message));
}

Signature SigningKey::sign_digest(const Hash& digest) const {
    FS_ASSERT(impl_ != nullptr);
    const openssl::PkeyCtx context(must(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->pkey.get(), nullptr)));
    must(EVP_PKEY_sign_init(context.get()));
    std::array<std::uint8_t, 80> der{};
    std::size_t size = der.size();
    must(EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), digest.size()));
    const auto signature = signature_from_der(ByteView(der).first(size));
    FS_ASSERT(signature.has_value());
    return *signature;
}

Result<Bytes> SigningKey::ecdh(const VerifyingKey& peer) const {
    FS_ASSERT(impl_ != nullptr);
    const openssl::PkeyCtx context(must(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->pkey.get(), nullptr)));
    must(EVP_PKEY_derive_init(context.get()));
    Bytes shared(32);
    std::size_t size = shared.size();
    if (EVP_PKEY_derive_set_peer(context.get(), peer.impl().pkey.get()) != 1 ||
        EVP_PKEY_derive(context.get(), shared.data(), &size) != 1 || size != shared.size())
        return fail("bad_key", openssl::reason("no shared secret with this key"));
    return shared;
}

}  // namespace fairstream::identity::crypto
