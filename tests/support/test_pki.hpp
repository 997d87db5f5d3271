#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

/// Throw-away certificates for tests that speak TLS on loopback:
///
///     const auto ca = tests::make_test_ca("org1");
///     const auto node = ca.issue("node1", {"localhost"}, {"127.0.0.1"});
///     const TlsConfig tls{node.certificate, node.private_key, ca.certificate()};
namespace fairstream::tests {

struct PemPair {
    std::string certificate;
    std::string private_key;
};

namespace pki {

template <auto Free>
struct Deleter {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

inline void require(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("test PKI: ") + what);
}

template <typename Write>
std::string pem(Write write) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    require(write(out.get()) == 1, "cannot write PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

inline std::string certificate_pem(X509* certificate) {
    return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}
inline std::string key_pem(EVP_PKEY* key) {
    return pem(
        [&](BIO* out) { return PEM_write_bio_PKCS8PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

inline void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    require(extension != nullptr, "bad extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/// A version 3 certificate for `key`, named `name`, valid from an hour ago for `valid_seconds`; not signed yet.
inline CertificatePtr unsigned_certificate(const std::string& name, EVP_PKEY* key, long valid_seconds) {
    CertificatePtr certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    std::uint64_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_seconds);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return certificate;
}

}  // namespace pki

class TestCa {
public:
    explicit TestCa(const std::string& name)
        : key_(EVP_EC_gen("P-256")), certificate_(pki::unsigned_certificate(name, key_.get(), 24 * 3600)) {
        X509* self = certificate_.get();
        X509_set_issuer_name(self, X509_get_subject_name(self));
        pki::add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE");
        pki::add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
        pki::add_extension(self, self, NID_subject_key_identifier, "hash");
        pki::require(X509_sign(self, key_.get(), EVP_sha256()) > 0, "cannot sign");
    }

    std::string certificate() const { return pki::certificate_pem(certificate_.get()); }
    std::string private_key() const { return pki::key_pem(key_.get()); }

    /// A certificate for servers and clients. A negative `valid_seconds` makes one that has expired.
    PemPair issue(const std::string& name, const std::vector<std::string>& dns = {"localhost"},
                  const std::vector<std::string>& ips = {"127.0.0.1"}, long valid_seconds = 24 * 3600) const {
        const pki::KeyPtr key(EVP_EC_gen("P-256"));
        const auto certificate = pki::unsigned_certificate(name, key.get(), valid_seconds);
        X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
        const auto add = [&](int nid, const std::string& value) {
            pki::add_extension(certificate.get(), certificate_.get(), nid, value);
        };
        add(NID_basic_constraints, "critical,CA:FALSE");
        add(NID_key_usage, "critical,digitalSignature");
        add(NID_ext_key_usage, "serverAuth,clientAuth");
        std::string names;
        for (const auto& one : dns) names += (names.empty() ? "DNS:" : ",DNS:") + one;
        for (const auto& one : ips) names += (names.empty() ? "IP:" : ",IP:") + one;
        if (!names.empty()) add(NID_subject_alt_name, names);
        pki::require(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0, "cannot sign");
        return {pki::certificate_pem(certificate.get()), pki::key_pem(key.get())};
    }

private:
    pki::KeyPtr key_;
    pki::CertificatePtr certificate_;
};

inline TestCa make_test_ca(const std::string& name) {
    return TestCa(name);
}

}  // namespace fairstream::tests
