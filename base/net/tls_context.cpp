#include "base/net/tls_context.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>

namespace fairstream::base::net {

namespace ssl = boost::asio::ssl;

namespace {

Status check(const boost::system::error_code& error, std::string_view what) {
    if (!error) return {};
    return fail("bad_tls", std::string(what) + ": " + error.message());
}

boost::asio::const_buffer view(const std::string& text) {
    return boost::asio::buffer(text.data(), text.size());
}

Status load_identity(ssl::context& context, const TlsConfig& tls) {
    boost::system::error_code error;
    context.use_certificate_chain(view(tls.certificate_chain), error);
    FS_TRY(check(error, "certificate chain"));
    context.use_private_key(view(tls.private_key), ssl::context::pem, error);
    FS_TRY(check(error, "private key"));
    if (SSL_CTX_check_private_key(context.native_handle()) != 1)
        return fail("bad_tls", "the private key does not belong to the certificate");
    return {};
}

}  // namespace

Result<ssl::context> make_tls_context(const TlsConfig& tls, TlsRole role, TlsVersions versions, PeerCertificate peer) {
    ssl::context context(role == TlsRole::kServer ? ssl::context::tls_server : ssl::context::tls_client);
    SSL_CTX* native = context.native_handle();
    SSL_CTX_set_min_proto_version(native, versions == TlsVersions::k13Only ? TLS1_3_VERSION : TLS1_2_VERSION);
    // A resumed session would skip the look at the peer's certificate, which may have been revoked since.
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(native, 0);
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);

    if (role == TlsRole::kServer || !tls.certificate_chain.empty()) FS_TRY(load_identity(context, tls));
    boost::system::error_code error;
    if (!tls.trusted_roots.empty()) {
        context.add_certificate_authority(view(tls.trusted_roots), error);
        FS_TRY(check(error, "trusted roots"));
    } else if (peer == PeerCertificate::kRequired) {
        return fail("bad_tls", "trusted roots: none given, but peers must show a certificate");
    }
    const auto mode = peer == PeerCertificate::kRequired   ? ssl::verify_peer | ssl::verify_fail_if_no_peer_cert
                      : peer == PeerCertificate::kOptional ? ssl::verify_peer
                                                           : ssl::verify_none;
    context.set_verify_mode(mode, error);
    FS_TRY(check(error, "verify mode"));
    return context;
}

Status expect_server_name(SSL* ssl, const std::string& server_name) {
    X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
    boost::system::error_code not_an_address;
    boost::asio::ip::make_address(server_name, not_an_address);
    bool set = false;
    if (!not_an_address) {
        set = X509_VERIFY_PARAM_set1_ip_asc(expected, server_name.c_str()) == 1;
    } else {
        X509_VERIFY_PARAM_set_hostflags(expected,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        // An embedded NUL or an empty name would check nothing.
        set = !server_name.empty() && server_name.find('\0') == std::string::npos &&
              X509_VERIFY_PARAM_set1_host(expected, server_name.data(), server_name.size()) == 1 &&
              SSL_set_tlsext_host_name(ssl, server_name.c_str()) == 1;
    }
    if (!set) return fail("tls_failed", "not a server name: '" + server_name.substr(0, 64) + "'");
    return {};
}

Bytes peer_certificate_der(SSL* ssl) {
    X509* certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == nullptr) return {};
    Bytes der;
    const int size = i2d_X509(certificate, nullptr);
    if (size > 0) {
        der.resize(static_cast<std::size_t>(size));
        unsigned char* out = der.data();
        i2d_X509(certificate, &out);
    }
    X509_free(certificate);
    return der;
}

}  // namespace fairstream::base::net
