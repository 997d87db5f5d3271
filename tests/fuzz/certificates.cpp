/// Certificates and keys, PEM and DER, and TLS configs made of them: the input is one PEM text in three parts.
#include "base/net/tls_context.hpp"
#include "identity/crypto/keys.hpp"
#include "identity/msp/organisation_ca.hpp"
#include "identity/msp/trusted_organisations.hpp"

using namespace fairstream;
namespace msp = identity::msp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes{data, size};
    const auto text = as_text(bytes);
    static_cast<void>(identity::crypto::VerifyingKey::from_pem(text));
    static_cast<void>(identity::crypto::VerifyingKey::from_spki_der(bytes));
    static_cast<void>(identity::crypto::SigningKey::from_pem(text));
    static_cast<void>(msp::ca_from_der(bytes));
    if (const auto ca = msp::ca_from_pem(text)) {
        msp::TrustedOrganisations trusted;
        if (trusted.add(ca->organisation, ca->der)) {
            static_cast<void>(trusted.verify(ca->der, base::from_us(1'790'000'000'000'000)));
            static_cast<void>(trusted.to_pem());
        }
    }
    static_cast<void>(msp::MemberCertificate::from_der(bytes));
    if (const auto member = msp::MemberCertificate::from_pem(text))
        static_cast<void>(msp::MemberCertificate::from_der(member->der));
    const auto third = size / 3;
    for (const auto& tls :
         {base::net::TlsConfig{std::string(text), std::string(text), std::string(text)},
          base::net::TlsConfig{std::string(text.substr(0, third)), std::string(text.substr(third, third)),
                               std::string(text.substr(2 * third))}})
        static_cast<void>(base::net::make_tls_context(tls, base::net::TlsRole::kServer, base::net::TlsVersions::k13Only,
                                                      base::net::PeerCertificate::kRequired));
    return 0;
}
