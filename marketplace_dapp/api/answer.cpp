#include "marketplace_dapp/api/answer.hpp"

#include <boost/json/serialize.hpp>
#include <map>

namespace fairstream::marketplace_dapp::api {

namespace {

struct Kind {
    int status;
    bool retryable;
};

Kind kind_of(const std::string& code) {
    static const std::map<std::string, Kind> known{
        {"bad_request", {400, false}},
        {"malformed", {400, false}},
        {"invalid_did", {400, false}},
        {"bad_idempotency_key", {400, false}},
        {"not_found", {404, false}},
        {"no_such_path", {404, false}},
        {"method_not_allowed", {405, false}},
        {"method_not_supported", {501, false}},
        {"idempotency_key_reused", {422, false}},
        // The same transaction may be sent again; it can only commit once.
        {"unknown_outcome", {504, true}},
        {"timeout", {504, true}},
        {"unreachable", {503, true}},
        {"unavailable", {503, true}},
        {"busy", {503, true}},
        {"too_many_followers", {503, true}},
        {"database_unavailable", {503, true}},
        {"database_error", {500, false}},
        {"broken_chain", {503, false}},
        {"bad_answer", {502, true}},
        // A new transaction may succeed.
        {"read_conflict", {409, true}},
        {"range_conflict", {409, true}},
        {"stale_config", {409, true}},
        {"no_placement", {409, true}},  // once the seller has begun to stream
        {"rate_limited", {429, true}},
    };
    const auto found = known.find(code);
    return found == known.end() ? Kind{422, false} : found->second;  // a contract's refusal
}

}  // namespace

base::net::HttpResponse to_response(const Answer& answer) {
    if (answer) return {200, {{"content-type", "application/json"}}, boost::json::serialize(*answer)};
    auto error = answer.error();
    const auto kind = kind_of(error.code);
    // What PostgreSQL says names tables and queries: that is for the log.
    if (error.code == "database_unavailable") error.message = "the read model is being started; ask again";
    if (error.code == "database_error") error.message = "the read model cannot answer this";
    auto response = base::net::problem(kind.status, error, kind.retryable);
    if (kind.status == 429 || kind.status == 503) response.headers["retry-after"] = "1";
    return response;
}

}  // namespace fairstream::marketplace_dapp::api
