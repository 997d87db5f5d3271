#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string_view>

#include "base/bytes.hpp"
#include "base/net/tls.hpp"
#include "base/result.hpp"

/// TLS contexts for base/net's own sources.
namespace fairstream::base::net {

enum class TlsRole { kServer, kClient };
enum class TlsVersions { k13Only, k12AndUp };
enum class PeerCertificate { kIgnored, kOptional, kRequired };  // optional: must be good if one is shown

/// Error: bad_tls, naming which of the three PEM texts does not parse or fit.
Result<boost::asio::ssl::context> make_tls_context(const TlsConfig& tls, TlsRole role, TlsVersions versions,
                                                   PeerCertificate peer);

/// Demands that the server's certificate carries `server_name` among its DNS names or, if it is an address, its IP
/// names; asks for it by SNI if it is a name. Call before the handshake. Error: tls_failed.
Status expect_server_name(SSL* ssl, const std::string& server_name);

/// Empty when the peer showed none.
Bytes peer_certificate_der(SSL* ssl);

}  // namespace fairstream::base::net
