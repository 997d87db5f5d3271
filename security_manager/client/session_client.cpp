#include "security_manager/client/session_client.hpp"

#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "identity/jose/jwt.hpp"
#include "identity/jose/proof.hpp"
#include "identity/jose/strict_json.hpp"
#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::security_manager::client {

namespace jose = identity::jose;
namespace json = boost::json;
using base::net::HttpClient;
using identity::crypto::SigningKey;

namespace {

constexpr std::size_t kMaxAnswer = 64u << 10;
constexpr std::size_t kMaxText = 1024;

Result<json::object> object_of(const std::string& body) {
    auto object = jose::parse_strict_object(body);
    if (!object) return fail("bad_answer", "the operator's answer is not JSON as agreed: " + object.error().message);
    return std::move(*object);
}

Result<json::object> call(HttpClient& http, const std::string& method, const std::string& url, const json::object& body,
                          std::chrono::milliseconds timeout) {
    const bool has_body = !body.empty();
    std::map<std::string, std::string> headers;
    if (has_body) headers["content-type"] = "application/json";
    FS_ASSIGN(const auto response, http.request(method, url, headers, has_body ? json::serialize(body) : std::string(),
                                                timeout, kMaxAnswer));
    if (response.status != 200 && response.status != 201)
        return fail(base::net::problem_error(response.body,
                                             "the operator answered with status " + std::to_string(response.status)));
    return object_of(response.body);
}

Result<std::string> prove(HttpClient& http, const std::string& https_url, const std::string& path,
                          const std::string& subject, const SigningKey& holder, TimePoint now,
                          std::chrono::milliseconds timeout) {
    FS_ASSIGN(const auto answer, call(http, "GET", https_url + "/v1/nonce", {}, timeout));
    const auto nonce = jose::string_claim(answer, "nonce", 64);
    if (!nonce) return fail("bad_answer", "the operator gave no nonce");
    return jose::make_proof(holder, {"POST", https_url + path, *nonce, subject, {}}, now);
}

/// Takes what opening and renewing both answer.
Status take(Session& session, const json::object& answer) {
    const auto text = [&](std::string_view name, std::size_t max) { return jose::string_claim(answer, name, max); };
    const auto id = text("session", 64);
    auto token = text("token", jose::kMaxJwtBytes);
    auto nonce = text("connect_nonce", 128);
    auto client_id = text("client_id", 128);
    auto mqtt_url = text("mqtt_url", kMaxText);
    const auto operator_name = text("operator", 128);
    const auto network = text("network", 128);
    const auto expires = jose::time_claim(answer, "expires");
    const auto bad = [](const char* why) { return fail("bad_answer", why); };
    if (!id || !token || !nonce || !client_id || !mqtt_url || !operator_name || !network || !expires)
        return bad("the operator's answer lacks something of a session");
    const auto session_id = gate::session_id_from_text(*id);
    if (!session_id || (!session.id.empty() && session.id != *id)) return bad("the operator's session id is not one");
    // What is signed later names operator and network as the ledger does, whatever the answer says.
    if (*operator_name != session.operator_name || *network != session.network)
        return fail("wrong_operator", "the operator says that it is another, or of another network");
    session.id = *id;
    session.token = std::move(*token);
    session.connect_nonce = std::move(*nonce);
    session.client_id = std::move(*client_id);
    session.mqtt_url = std::move(*mqtt_url);
    session.inbox = gate::inbox_topic(*session_id);
    session.expires = *expires;
    return {};
}

}  // namespace

Result<Session> open_session(HttpClient& http, const SessionRequest& request, const SigningKey& holder, TimePoint now) {
    Session session;
    session.https_url = request.https_url;
    session.operator_name = request.operator_name;
    session.network = request.network;
    session.subject = request.as_operator.empty() ? request.grant : "operator:" + request.as_operator;
    const std::string path = "/v1/sessions";
    FS_ASSIGN(const auto proof, prove(http, request.https_url, path, session.subject, holder, now, request.timeout));
    json::object body{{"proof", proof}};
    if (request.as_operator.empty())
        body["grant"] = request.grant;
    else
        body["operator"] = request.as_operator;
    if (request.bearer) body["kind"] = "bearer";
    FS_ASSIGN(const auto answer, call(http, "POST", request.https_url + path, body, request.timeout));
    FS_TRY(take(session, answer));
    return session;
}

Status renew(HttpClient& http, Session& session, const SigningKey& holder, TimePoint now,
             std::chrono::milliseconds timeout) {
    const std::string path = "/v1/sessions/" + session.id + "/renew";
    FS_ASSIGN(const auto proof, prove(http, session.https_url, path, session.subject, holder, now, timeout));
    FS_ASSIGN(const auto answer, call(http, "POST", session.https_url + path, {{"proof", proof}}, timeout));
    return take(session, answer);
}

Status post_receipt(HttpClient& http, const Session& session, ByteView receipt, ByteView signature,
                    ByteView token_signature, std::chrono::milliseconds timeout) {
    const json::object body{{"receipt", base::to_base64(receipt)},
                            {"signature", base::to_base64(signature)},
                            {"token_signature", base::to_base64(token_signature)}};
    FS_ASSIGN(const auto answer,
              call(http, "POST", session.https_url + "/v1/sessions/" + session.id + "/receipts", body, timeout));
    return {};
}

Result<HeldReceipt> held_receipt(HttpClient& http, const Session& session, std::chrono::milliseconds timeout) {
    FS_ASSIGN(const auto answer,
              call(http, "GET", session.https_url + "/v1/sessions/" + session.id + "/receipts", {}, timeout));
    HeldReceipt out;
    if (!answer.contains("receipt")) return out;
    const auto field = [&](std::string_view name) -> Result<std::string> {
        FS_ASSIGN(const auto text, jose::string_claim(answer, name, kMaxAnswer));
        FS_ASSIGN(const auto bytes, base::from_base64(text));
        return base::to_string(bytes);
    };
    FS_ASSIGN(out.receipt, field("receipt"));
    FS_ASSIGN(out.signature, field("signature"));
    return out;
}

Bytes connect_authentication(const Session& session, const SigningKey& holder) {
    return gate::make_connect_proof(holder, session.network, session.operator_name, session.client_id, session.token,
                                    session.connect_nonce)
        .encode();
}

std::map<std::string, std::string> request_headers(const Session& session, const SigningKey& holder,
                                                   const std::string& method, const std::string& url, TimePoint now) {
    return {{"authorization", "DPoP " + session.token},
            {"dpop", jose::make_proof(holder, {method, url, {}, {}, session.token}, now)}};
}

}  // namespace fairstream::security_manager::client
