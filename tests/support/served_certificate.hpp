#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "tests/support/test_pki.hpp"

namespace fairstream::tests {

/// The certificate (PEM) that a TLS server on this port of 127.0.0.1 shows to who connects now; empty: none.
inline std::string served_certificate(std::uint16_t port) {
    const std::unique_ptr<SSL_CTX, pki::Deleter<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
    const pki::BioPtr connection(BIO_new_ssl_connect(context.get()));
    const auto address = "127.0.0.1:" + std::to_string(port);
    BIO_set_conn_hostname(connection.get(), address.c_str());
    if (BIO_do_handshake(connection.get()) != 1) return {};
    SSL* ssl = nullptr;
    BIO_get_ssl(connection.get(), &ssl);
    const pki::CertificatePtr shown(SSL_get1_peer_certificate(ssl));
    return shown ? pki::certificate_pem(shown.get()) : std::string();
}

}  // namespace fairstream::tests
