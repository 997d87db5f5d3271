#include "identity/msp/trusted_organisations.hpp"

#include "identity/msp/x509.hpp"

namespace fairstream::identity::msp {

namespace openssl = crypto::openssl;
using openssl::must;

namespace {

using Store = openssl::Owner<X509_STORE, X509_STORE_free>;
using StoreCtx = openssl::Owner<X509_STORE_CTX, X509_STORE_CTX_free>;

}  // namespace

struct TrustedOrganisations::Ca {
    Bytes der;
    Store store;  // holds this one CA
};

Status TrustedOrganisations::add(std::string_view org, ByteView der) {
    FS_TRY(check_name(org));
    if (cas_.contains(org)) return fail("exists", "the organisation is trusted already: " + std::string(org));
    auto certificate = x509::parse_der(der);
    if (!certificate) return fail("bad_ca", certificate.error().message);
    X509* ca = certificate->get();
    const auto named = x509::name_entry(X509_get_subject_name(ca), NID_organizationName);
    if (!named || *named != org) return fail("bad_ca", "the CA's certificate is not of " + std::string(org));
    if (X509_check_ca(ca) != 1 || X509_NAME_cmp(X509_get_subject_name(ca), X509_get_issuer_name(ca)) != 0)
        return fail("bad_ca", "not a self-signed certificate of a CA");
    if (!x509::public_key(ca) || X509_verify(ca, X509_get0_pubkey(ca)) != 1)
        return fail("bad_ca", openssl::reason("the CA's certificate is not signed by its own P-256 key"));
    auto entry = std::make_shared<Ca>();
    entry->der = to_bytes(der);
    entry->store.reset(must(X509_STORE_new()));
    must(X509_STORE_add_cert(entry->store.get(), ca));
    cas_.emplace(org, std::move(entry));
    return {};
}

Result<MemberIdentity> TrustedOrganisations::verify(ByteView certificate_der, TimePoint at) const {
    return verify_chain(certificate_der, at);
}

Result<MemberIdentity> TrustedOrganisations::verify_at_any_time(ByteView certificate_der) const {
    return verify_chain(certificate_der, std::nullopt);
}

Result<MemberIdentity> TrustedOrganisations::verify_chain(ByteView certificate_der, std::optional<TimePoint> at) const {
    FS_ASSIGN(const MemberCertificate member, MemberCertificate::from_der(certificate_der));
    const auto found = cas_.find(member.org);
    if (found == cas_.end()) return fail("unknown_organisation", "no organisation of this consortium: " + member.org);
    FS_ASSIGN(const auto certificate, x509::parse_der(certificate_der));
    const StoreCtx context(must(X509_STORE_CTX_new()));
    must(X509_STORE_CTX_init(context.get(), found->second->store.get(), certificate.get(), nullptr));
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    if (at)
        X509_VERIFY_PARAM_set_time(parameters,
                                   std::chrono::floor<std::chrono::seconds>(*at).time_since_epoch().count());
    else
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_depth(parameters, 0);  // no CA between the organisation's and the member
    if (X509_verify_cert(context.get()) != 1) {
        const int error = X509_STORE_CTX_get_error(context.get());
        const std::string who = member.org + "/" + member.name;
        ERR_clear_error();
        if (error == X509_V_ERR_CERT_HAS_EXPIRED)
            return fail("expired", "the certificate of " + who + ", or of its CA, has ended");
        if (error == X509_V_ERR_CERT_NOT_YET_VALID)
            return fail("not_yet_valid", "the certificate of " + who + ", or of its CA, is not valid yet");
        return fail("bad_chain", "the certificate of " + who +
                                     " is not of its organisation's CA: " + X509_verify_cert_error_string(error));
    }
    return MemberIdentity{member.org, member.role, member.name, member.key, member.fingerprint, member.not_after};
}

std::vector<std::string> TrustedOrganisations::names() const {
    std::vector<std::string> out;
    for (const auto& [org, ca] : cas_) out.push_back(org);
    return out;
}

std::string TrustedOrganisations::to_pem() const {
    std::string out;
    for (const auto& [org, ca] : cas_) out += x509::to_pem(ca->der);
    return out;
}

}  // namespace fairstream::identity::msp
