#pragma once

#include <string>
#include <string_view>

#include "security_manager/gate/session.hpp"

/// Access tokens of one operator: short JWTs, ES256 by the operator's signing key (RFC 9068, RFC 7800). They name a
/// session and never stand alone: whoever checks one also knows the session, and asks for the holder's proof.
namespace fairstream::security_manager::gate {

/// Bound to a key: cnf.jkt, ops, range, grant. Never accepted as a password.
inline constexpr std::string_view kAccessTokenType = "at+jwt";
/// For plain clients: another kind, without cnf; only ever a password.
inline constexpr std::string_view kBearerTokenType = "fs-bearer+jwt";
inline constexpr std::chrono::seconds kMaxBearerLife{300};

/// Claims: iss, aud = operator, sub = client id, sid, iat, exp, ops, grant, range, streams, cnf.jkt (not of bearer
/// sessions). Bearer sessions get the bearer type, all others the access type.
std::string issue_token(const SigningKey& operator_key, std::string_view operator_name, const Session& session,
                        TimePoint now);

struct TokenFacts {
    SessionId session{};
    std::string client_id;
    std::string thumbprint;  // cnf.jkt; empty in bearer tokens
    TimePoint issued;
    TimePoint expires;
};

/// Errors: bad_token (not a token of this type by this operator), wrong_audience, token_expired, and for a bearer
/// token: bearer_too_long.
Result<TokenFacts> read_token(std::string_view token, std::string_view type, const VerifyingKey& operator_key,
                              std::string_view operator_name, TimePoint now);

}  // namespace fairstream::security_manager::gate
