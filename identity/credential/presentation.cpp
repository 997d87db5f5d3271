#include "identity/credential/presentation.hpp"

#include <boost/json/array.hpp>

#include "identity/credential/shape.hpp"
#include "identity/did/did_key.hpp"
#include "identity/jose/jwt.hpp"

namespace fairstream::identity::credential {

namespace json = boost::json;

namespace {

constexpr std::string_view kTyp = "vp+jwt";
constexpr std::string_view kType = "VerifiablePresentation";
constexpr std::string_view kEnvelopedType = "EnvelopedVerifiableCredential";
constexpr std::string_view kDataPrefix = "data:application/vc+jwt,";

/// The JWT of the one enveloped credential (VC 2.0, section 4.13).
Result<std::string> enveloped_credential(const json::object& payload) {
    const auto* member = payload.if_contains("verifiableCredential");
    if (member != nullptr && member->is_array() && member->get_array().size() == 1) member = &member->get_array()[0];
    const auto* envelope = member != nullptr ? member->if_object() : nullptr;
    if (envelope == nullptr) return fail("bad_presentation", "a presentation holds one enveloped credential");
    const auto types = text_list(*envelope, "type");
    const auto data = jose::string_claim(*envelope, "id", kDataPrefix.size() + kMaxCredentialBytes);
    if (!types || types->size() != 1 || types->front() != kEnvelopedType || !data || !data->starts_with(kDataPrefix))
        return fail("bad_presentation",
                    "the credential is an EnvelopedVerifiableCredential with a data: URL of vc+jwt");
    return data->substr(kDataPrefix.size());
}

}  // namespace

Result<std::string> present(const crypto::SigningKey& holder, std::string_view credential_jwt,
                            std::string_view audience, std::string_view nonce, TimePoint now) {
    if (credential_jwt.size() > kMaxCredentialBytes || audience.size() > kMaxTextBytes || nonce.size() > kMaxTextBytes)
        return fail("bad_presentation", "a credential has at most 8 KiB, audience and nonce 512 bytes");
    const std::string holder_did = did::did_from_key(holder.public_key());
    json::object envelope;
    envelope["@context"] = json_view(kContextV2);
    envelope["type"] = json_view(kEnvelopedType);
    envelope["id"] = std::string(kDataPrefix) + std::string(credential_jwt);
    json::object payload;
    payload["@context"] = json::array{json_view(kContextV2)};
    payload["type"] = json::array{json_view(kType)};
    payload["holder"] = holder_did;
    payload["verifiableCredential"] = json::array{std::move(envelope)};
    payload["aud"] = json_view(audience);
    payload["nonce"] = json_view(nonce);
    payload["iat"] = jose::numeric_date(now);
    return jose::sign_jwt(holder, kTyp, payload,
                          {{"cty", "vp"}, {"kid", json::string(did::verification_method(holder_did))}});
}

Result<VerifiedPresentation> verify_presentation(std::string_view text, std::string_view audience, TimePoint now,
                                                 const PresentationLimits& limits) {
    FS_ASSIGN(const jose::Jwt jwt, jose::parse_jwt(text, kTyp));
    const json::object& payload = jwt.claims;
    VerifiedPresentation out;
    FS_ASSIGN(out.holder, verified_signer(jwt));
    const auto named = did_of(payload, "holder");
    if (!named || *named != out.holder) return fail("wrong_holder", "the presentation's holder did not sign it");

    FS_TRY(check_context(payload));
    const auto types = text_list(payload, "type");
    if (!types || types->front() != kType) return fail("bad_presentation", "the type is VerifiablePresentation");
    FS_ASSIGN(const std::string aud, jose::string_claim(payload, "aud", kMaxTextBytes));
    if (aud != audience) return fail("wrong_audience", "the presentation was made for another: " + aud.substr(0, 64));
    FS_ASSIGN(out.nonce, jose::string_claim(payload, "nonce", kMaxTextBytes));
    FS_ASSIGN(out.issued, jose::time_claim(payload, "iat"));
    if (out.issued > now + limits.clock_skew) return fail("future_presentation", "the presentation is from the future");
    if (out.issued + limits.max_age + limits.clock_skew < now)
        return fail("stale_presentation", "the presentation is too old: make a new one");

    FS_ASSIGN(out.credential_jwt, enveloped_credential(payload));
    FS_ASSIGN(out.credential, verify(out.credential_jwt, now));
    if (out.credential.subject != out.holder)
        return fail("wrong_holder", "the credential is about another than who shows it");
    return out;
}

}  // namespace fairstream::identity::credential
