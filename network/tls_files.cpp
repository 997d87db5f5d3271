#include "network/tls_files.hpp"

#include "base/log.hpp"
#include "identity/crypto/keys.hpp"
#include "network/program.hpp"

namespace fairstream::network {

Result<base::net::TlsConfig> load_tls(const TlsFiles& files) {
    base::net::TlsConfig out;
    FS_TRY(identity::crypto::SigningKey::load(files.key));  // checks its mode
    FS_ASSIGN(out.private_key, read_pem(files.key));
    FS_ASSIGN(out.certificate_chain, read_pem(files.certificate));
    FS_ASSIGN(out.trusted_roots, read_pem(files.roots));
    return out;
}

TlsRenewal::TlsRenewal(base::net::Loop& loop, base::Metrics& metrics, TlsFiles files,
                       const base::net::TlsConfig& in_use, Use use)
    : files_(std::move(files)),
      use_(std::move(use)),
      certificate_(in_use.certificate_chain),
      watch_(loop, {files_.key, files_.certificate}, [this](const auto&) { return take(); }),
      expiry_(loop, metrics, [this] {
          const auto certificate = expiring_certificate(certificate_);
          return certificate ? std::vector{*certificate} : std::vector<Expiring>{};
      }) {}

Status TlsRenewal::take() {
    FS_ASSIGN(const auto tls, load_tls(files_));
    FS_TRY(use_(tls));  // fails while of key and certificate one is still to come
    certificate_ = tls.certificate_chain;
    base::log_info("the certificate in {} is in use from now on", files_.certificate.string());
    return {};
}

}  // namespace fairstream::network
