#include "identity/msp/x509.hpp"

#include <openssl/pem.h>

#include <ctime>

#include "identity/msp/certificate.hpp"

namespace fairstream::identity::msp::x509 {

namespace openssl = crypto::openssl;
using openssl::must;

namespace {

constexpr std::size_t kMaxPemBytes = 64 * 1024;  // a chain, of which the first is read

}  // namespace

Result<Certificate> parse_der(ByteView der) {
    if (der.empty() || der.size() > kMaxCertificateBytes)
        return fail("bad_certificate", "a certificate has 1 byte to 8 KiB, here are " + std::to_string(der.size()));
    const unsigned char* cursor = der.data();
    Certificate certificate(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
    if (!certificate) return fail("bad_certificate", openssl::reason("not an X.509 certificate in DER"));
    // One certificate, one fingerprint: looser encodings of the same are refused.
    if (to_der(certificate.get()) != to_bytes(der))
        return fail("bad_certificate", "the certificate is not in DER, or bytes follow it");
    return certificate;
}

Result<Certificate> parse_pem(std::string_view pem) {
    if (pem.size() > kMaxPemBytes) return fail("bad_certificate", "certificates in PEM have at most 64 KiB");
    const auto bio = openssl::reader(pem);
    Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) return fail("bad_certificate", openssl::reason("not a certificate in PEM"));
    return certificate;
}

Bytes to_der(const X509* certificate) {
    unsigned char* encoded = nullptr;
    const int size = i2d_X509(certificate, &encoded);
    FS_ASSERT(size > 0);
    Bytes out(encoded, encoded + size);
    OPENSSL_free(encoded);
    return out;
}

std::string to_pem(ByteView der) {
    const auto bio = openssl::writer();
    must(PEM_write_bio(bio.get(), PEM_STRING_X509, "", der.data(), static_cast<long>(der.size())) > 0 ? 1 : 0);
    return openssl::written(bio.get());
}

Result<std::string> name_entry(const X509_NAME* name, int nid) {
    const int first = X509_NAME_get_index_by_NID(name, nid, -1);
    if (first < 0 || X509_NAME_get_index_by_NID(name, nid, first) >= 0)
        return fail("bad_certificate", std::string("the subject has not exactly one ") + OBJ_nid2sn(nid));
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, first)));
    if (size < 0) return fail("bad_certificate", openssl::reason("a name in the subject is not text"));
    std::string out(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
    return out;
}

void add_name_entry(X509_NAME* name, int nid, std::string_view value) {
    must(X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), /*loc=*/-1, /*set=*/0));
}

Result<TimePoint> to_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1)
        return fail("bad_certificate", openssl::reason("a time in the certificate cannot be read"));
    return TimePoint(std::chrono::seconds(::timegm(&parts)));
}

void set_time(ASN1_TIME* out, TimePoint time) {
    must(ASN1_TIME_set(out, std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count()));
}

Result<crypto::VerifyingKey> public_key(X509* certificate) {
    unsigned char* encoded = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
    if (size <= 0) return fail("bad_certificate", openssl::reason("the certificate has no public key"));
    auto key = crypto::VerifyingKey::from_spki_der({encoded, static_cast<std::size_t>(size)});
    OPENSSL_free(encoded);
    if (!key) return fail("bad_certificate", key.error().message);
    return key;
}

}  // namespace fairstream::identity::msp::x509
