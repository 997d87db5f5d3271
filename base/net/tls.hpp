#pragma once

#include <cstdint>
#include <string>

namespace fairstream::base::net {

/// PEM texts. TLS 1.3 only on links of ours; HTTPS accepts 1.2 for browsers' sake.
struct TlsConfig {
    std::string certificate_chain;  // empty: a client without a certificate
    std::string private_key;
    std::string trusted_roots;  // every organisation's CA

    bool operator==(const TlsConfig&) const = default;
};

struct Address {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one, for servers

    std::string text() const { return host + ":" + std::to_string(port); }
    bool operator==(const Address&) const = default;
};

}  // namespace fairstream::base::net
