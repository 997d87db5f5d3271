#include "security_manager/gate/access_token.hpp"

#include <boost/json/array.hpp>

#include "base/encoding.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/jwt.hpp"

namespace fairstream::security_manager::gate {

namespace jose = identity::jose;
namespace json = boost::json;

namespace {

std::string_view operations(SessionKind kind) {
    switch (kind) {
        case SessionKind::kUpload:
            return "write";
        case SessionKind::kDownload:
        case SessionKind::kBearer:
            return "read";
        case SessionKind::kOperator:
            return "replicate";
        case SessionKind::kDaemon:
            return "serve";
    }
    return "none";
}

Status bad_token(Error why) {
    return fail("bad_token", "not a token of this operator: " + why.message);
}

Result<TokenFacts> facts_of(const json::object& claims, bool bound) {
    TokenFacts facts;
    FS_ASSIGN(const auto session, jose::string_claim(claims, "sid", 64));
    const auto id = session_id_from_text(session);
    if (!id) return fail("bad_claim", "sid is not a session id");
    facts.session = *id;
    FS_ASSIGN(facts.client_id, jose::string_claim(claims, "sub", Session::kMaxTextBytes));
    FS_ASSIGN(facts.issued, jose::time_claim(claims, "iat"));
    FS_ASSIGN(facts.expires, jose::time_claim(claims, "exp"));
    const json::value* cnf = claims.if_contains("cnf");
    if (bound != (cnf != nullptr)) return fail("bad_claim", "cnf is there without need, or lacking");
    if (cnf == nullptr) return facts;
    if (!cnf->is_object()) return fail("bad_claim", "cnf is not an object");
    FS_ASSIGN(facts.thumbprint, jose::string_claim(cnf->get_object(), "jkt", 64));
    return facts;
}

}  // namespace

std::string issue_token(const SigningKey& operator_key, std::string_view operator_name, const Session& session,
                        TimePoint now) {
    json::object claims{{"iss", operator_name},
                        {"aud", operator_name},
                        {"sub", session.client_id},
                        {"sid", to_text(session.id)},
                        {"iat", jose::numeric_date(now)},
                        {"exp", jose::numeric_date(session.expires)},
                        {"ops", json::array{operations(session.kind)}}};
    if (!session.grant.empty()) {
        claims["grant"] = session.grant;
        claims["range"] = json::array{session.first, session.last};
        if (session.bounded_in_time()) claims["time"] = json::array{session.from_us, session.until_us};
        json::array streams;
        for (const auto& stream : session.streams) streams.emplace_back(base::to_hex(stream));
        claims["streams"] = std::move(streams);
    }
    if (session.holder) claims["cnf"] = json::object{{"jkt", jose::thumbprint(*session.holder)}};
    const bool bearer = session.kind == SessionKind::kBearer;
    return jose::sign_jwt(operator_key, bearer ? kBearerTokenType : kAccessTokenType, claims);
}

Result<TokenFacts> read_token(std::string_view token, std::string_view type, const VerifyingKey& operator_key,
                              std::string_view operator_name, TimePoint now) {
    const auto jwt = jose::verify_jwt(token, type, operator_key);
    if (!jwt) return fail(bad_token(jwt.error()).error());
    const auto audience = jose::string_claim(jwt->claims, "aud", Session::kMaxTextBytes);
    if (!audience || *audience != operator_name) return fail("wrong_audience", "the token is for another operator");
    const bool bearer = type == kBearerTokenType;
    const auto facts = facts_of(jwt->claims, /*bound=*/!bearer);
    if (!facts) return fail(bad_token(facts.error()).error());
    if (facts->expires <= now) return fail("token_expired", "the token has expired: renew the session");
    if (bearer && facts->expires - facts->issued > kMaxBearerLife + std::chrono::seconds{1})
        return fail("bearer_too_long", "a bearer token lives at most five minutes");
    return *facts;
}

}  // namespace fairstream::security_manager::gate
