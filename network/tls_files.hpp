#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/net/tls.hpp"
#include "network/expiry.hpp"
#include "network/file_watch.hpp"

namespace fairstream::network {

/// Where a program's TLS identity lies; all PEM.
struct TlsFiles {
    std::filesystem::path key;  // mode 0600
    std::filesystem::path certificate;
    std::filesystem::path roots;
};

/// Errors: bad_mode, and those of reading keys.
Result<base::net::TlsConfig> load_tls(const TlsFiles& files);

/// Takes a renewed certificate, with the same key or another, while the program runs, and warns before the one in use
/// ends. Calls, and is ended, on the loop thread.
class TlsRenewal {
public:
    using Use = std::function<Status(const base::net::TlsConfig&)>;
    /// `in_use`: what `files` held when the program started. `use` takes another; its error leaves all as it was.
    TlsRenewal(base::net::Loop& loop, base::Metrics& metrics, TlsFiles files, const base::net::TlsConfig& in_use,
               Use use);

private:
    Status take();

    const TlsFiles files_;
    const Use use_;
    std::string certificate_;  // in use
    FileWatch watch_;
    ExpiryWatch expiry_;
};

}  // namespace fairstream::network
