#include "identity/credential/credential.hpp"

#include <boost/json/array.hpp>

#include "identity/credential/shape.hpp"
#include "identity/credential/timestamp.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwt.hpp"

namespace fairstream::identity::credential {

namespace json = boost::json;

namespace {

constexpr std::string_view kTyp = "vc+jwt";
constexpr std::string_view kBaseType = "VerifiableCredential";

Status check_request(const CredentialRequest& request) {
    if (!is_uri(request.id)) return fail("bad_credential", "the id is a URI of at most 512 characters (urn:uuid:...)");
    if (!request.subject.starts_with("did:") || !is_uri(request.subject))
        return fail("bad_credential", "the subject is a DID");
    if (request.type.empty() || request.type == kBaseType || request.type.size() > kMaxTextBytes)
        return fail("bad_credential", "the type is a name of its own, of at most 512 characters");
    if (jose::numeric_date(request.valid_from) >= jose::numeric_date(request.valid_until))
        return fail("bad_credential", "the credential ends before it starts");
    if (request.claims.contains("id")) return fail("bad_credential", "the subject's id is not a claim");
    return {};
}

Result<TimePoint> time_member(const json::object& from, std::string_view name) {
    const auto* member = from.if_contains(json_view(name));
    const auto* text = member != nullptr ? member->if_string() : nullptr;
    if (text == nullptr) return fail("bad_credential", std::string(name) + " is missing");
    auto time = from_timestamp(view(*text));
    if (!time) return fail("bad_credential", std::string(name) + ": " + time.error().message);
    return time;
}

Status read_types(const json::object& payload, VerifiedCredential& out) {
    FS_ASSIGN(out.types, text_list(payload, "type"));
    if (std::erase(out.types, kBaseType) != 1 || out.types.empty())
        return fail("bad_credential", "type has VerifiableCredential once, and a type of its own");
    return {};
}

Status read_subject(const json::object& payload, VerifiedCredential& out) {
    const auto* subject = payload.if_contains("credentialSubject");
    if (subject == nullptr || !subject->is_object())
        return fail("bad_credential", "credentialSubject is one object with the subject's DID as id");
    FS_ASSIGN(out.subject, did_of(payload, "credentialSubject"));
    out.claims = subject->get_object();
    out.claims.erase("id");
    return {};
}

}  // namespace

Result<std::string> issue(const crypto::SigningKey& issuer, const CredentialRequest& request) {
    FS_TRY(check_request(request));
    const std::string issuer_did = did::did_from_key(issuer.public_key());
    json::object subject;
    subject["id"] = request.subject;
    for (const auto& claim : request.claims) subject[claim.key()] = claim.value();
    json::object payload;
    payload["@context"] = {json_view(kContextV2), json_view(kContextUndefinedTerms)};
    payload["id"] = request.id;
    payload["type"] = {json_view(kBaseType), json_view(request.type)};
    payload["issuer"] = issuer_did;
    payload["validFrom"] = to_timestamp(request.valid_from);
    payload["validUntil"] = to_timestamp(request.valid_until);
    payload["credentialSubject"] = std::move(subject);
    std::string jwt = jose::sign_jwt(issuer, kTyp, payload,
                                     {{"cty", "vc"}, {"kid", json::string(did::verification_method(issuer_did))}});
    if (jwt.size() > kMaxCredentialBytes)
        return fail("bad_credential", "the credential has more than 8 KiB: shorten its claims");
    return jwt;
}

Result<VerifiedCredential> verify(std::string_view text, TimePoint now) {
    if (text.size() > kMaxCredentialBytes) return fail("too_large", "a credential has at most 8 KiB");
    FS_ASSIGN(const jose::Jwt jwt, jose::parse_jwt(text, kTyp));
    const json::object& payload = jwt.claims;
    VerifiedCredential out;
    FS_ASSIGN(out.issuer, did_of(payload, "issuer"));
    FS_ASSIGN(const std::string signer, verified_signer(jwt));
    if (signer != out.issuer) return fail("bad_credential", "the credential is signed by another than its issuer");

    FS_TRY(check_context(payload));
    if (payload.contains("vc")) return fail("bad_credential", "VC 2.0 has no vc claim: the credential is the payload");
    FS_TRY(read_types(payload, out));
    FS_TRY(read_subject(payload, out));
    auto id = jose::string_claim(payload, "id", kMaxTextBytes);
    if (!id || !is_uri(*id)) return fail("bad_credential", "the credential's id is a URI of at most 512 characters");
    out.id = *std::move(id);
    FS_ASSIGN(out.valid_from, time_member(payload, "validFrom"));
    FS_ASSIGN(out.valid_until, time_member(payload, "validUntil"));
    if (now < out.valid_from)
        return fail("not_yet_valid", "the credential is valid from " + to_timestamp(out.valid_from));
    if (now >= out.valid_until) return fail("expired", "the credential ended at " + to_timestamp(out.valid_until));
    return out;
}

}  // namespace fairstream::identity::credential
