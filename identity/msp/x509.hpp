#pragma once

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "identity/crypto/keys.hpp"
#include "identity/crypto/openssl.hpp"

/// X.509 through OpenSSL, for the sources of identity/msp only.
namespace fairstream::identity::msp::x509 {

using Certificate = crypto::openssl::X509Certificate;

/// One certificate in DER and nothing after it, of at most kMaxCertificateBytes. Error: bad_certificate.
Result<Certificate> parse_der(ByteView der);
/// The first certificate in PEM. Error: bad_certificate.
Result<Certificate> parse_pem(std::string_view pem);
Bytes to_der(const X509* certificate);
std::string to_pem(ByteView der);

/// The one value that `name` has for `nid` (NID_organizationName, ...). Error: bad_certificate.
Result<std::string> name_entry(const X509_NAME* name, int nid);
void add_name_entry(X509_NAME* name, int nid, std::string_view value);

/// Error: bad_certificate.
Result<TimePoint> to_time(const ASN1_TIME* time);
void set_time(ASN1_TIME* out, TimePoint time);

/// The certificate's P-256 key. Error: bad_certificate.
Result<crypto::VerifyingKey> public_key(X509* certificate);

}  // namespace fairstream::identity::msp::x509
