#include "security_manager/service/session_service.hpp"

#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "base/log.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/jwt.hpp"
#include "identity/jose/proof.hpp"
#include "identity/jose/strict_json.hpp"
#include "security_manager/gate/access_token.hpp"
#include "security_manager/gate/connect_proof.hpp"

namespace fairstream::security_manager::service {

namespace jose = identity::jose;
namespace json = boost::json;
namespace wire = gate::wire;
using base::net::HttpRequest;
using base::net::HttpResponse;

namespace {

constexpr std::string_view kNoncePath = "/v1/nonce";
constexpr std::string_view kSessionsPath = "/v1/sessions";
constexpr std::string_view kRenew = "renew";
constexpr std::string_view kReceipts = "receipts";
constexpr std::string_view kProofType = "dpop+jwt";
constexpr std::size_t kMaxBody = 32u << 10;
constexpr std::size_t kNodeThreads = 2;
constexpr std::chrono::milliseconds kTick{250};

struct SessionPath {
    SessionId id{};
    std::string_view what;
};

/// /v1/sessions/{id}/renew and /v1/sessions/{id}/receipts.
std::optional<SessionPath> parse_path(std::string_view path) {
    if (!path.starts_with(kSessionsPath)) return std::nullopt;
    path.remove_prefix(kSessionsPath.size());
    if (path.empty() || path.front() != '/') return std::nullopt;
    path.remove_prefix(1);
    const auto slash = path.find('/');
    const auto id = gate::session_id_from_text(path.substr(0, slash));
    if (slash == std::string_view::npos || !id) return std::nullopt;
    const std::string_view what = path.substr(slash + 1);
    if (what != kRenew && what != kReceipts) return std::nullopt;
    return SessionPath{*id, what};
}

Result<std::string> optional_text(const json::object& body, std::string_view name, std::size_t max_bytes) {
    if (!body.contains(name)) return std::string();
    return jose::string_claim(body, name, max_bytes);
}

const std::map<std::string, std::string> kJsonHeaders{{"content-type", "application/json"},
                                                      {"cache-control", "no-store"}};

HttpResponse json_response(int status, const json::object& body) {
    HttpResponse response;
    response.status = status;
    response.headers = kJsonHeaders;
    response.body = json::serialize(body);
    return response;
}

/// The claim `nonce` of a proof that is still to be verified.
Result<std::string> nonce_of(std::string_view proof) {
    FS_ASSIGN(const auto jwt, jose::parse_jwt(proof, kProofType));
    return jose::string_claim(jwt.claims, "nonce", 64);
}

int status_of(std::string_view code) {
    struct Row {
        int status;
        std::initializer_list<std::string_view> codes;
    };
    static const Row kRows[] = {
        {400, {"bad_request", "bad_json", "bad_client_id", "bad_arguments", "bad_receipt"}},
        {401,
         {"bad_nonce", "bad_jwt", "bad_alg", "bad_typ", "bad_jwk", "bad_signature", "bad_claim", "wrong_method",
          "wrong_url", "wrong_nonce", "wrong_grant", "wrong_token", "stale_proof", "future_proof", "no_token",
          "bad_token", "wrong_audience", "token_expired", "proof_replayed"}},
        {402, {"receipt_wanted"}},
        {403,
         {"wrong_holder", "grant_revoked", "grant_not_active", "grant_expired", "grant_not_yet", "not_my_grant",
          "bearer_refused", "unknown_operator", "window_over", "foreign_receipt", "operator_not_drawn"}},
        {404, {"unknown_session", "not_found", "unknown_path"}},
        {405, {"wrong_verb"}},
        {409, {"client_id_taken", "nonce_used", "stale_receipt"}},
        {413, {"too_large"}},
        {429, {"too_many_sessions", "too_many_requests"}},
        {503, {"busy", "too_many_accounts", "unreachable", "disconnected", "timeout"}},
    };
    for (const auto& row : kRows)
        if (std::find(row.codes.begin(), row.codes.end(), code) != row.codes.end()) return row.status;
    return 502;  // the node's own
}

}  // namespace

HttpResponse problem_for(const Error& error) {
    const int status = status_of(error.code);
    // Keys may be released any moment; a nonce can be had; all else stays as it is.
    const bool retryable =
        status == 429 || status == 503 || error.code == "grant_not_active" || error.code == "bad_nonce";
    return base::net::problem(status, error, retryable);
}

/// One request on its way.
struct SessionService::Asking {
    HttpRequest request;
    Respond respond;
    std::string proof;
    std::string nonce;
    std::string grant;
    std::string operator_name;
    std::string client_id;
    bool bearer = false;
    gate::VerifyingKey prover;
};

SessionService::SessionService(base::net::Loop& loop, ServiceConfig config, GrantSource& grants)
    : loop_(loop),
      config_(std::move(config)),
      grants_(grants),
      book_(config_),
      deliveries_(loop, grants, {config_.network, config_.accounts, config_.deliveries}, config_.now()),
      alive_(std::make_shared<bool>(true)),
      pool_(std::make_unique<base::Pool>(kNodeThreads, config_.max_pending)) {
    timer_ = loop_.after(kTick, [this] { tick(); });
}

SessionService::~SessionService() {
    *alive_ = false;
    loop_.cancel(timer_);
    deliveries_.close();
    pool_.reset();
}

Status SessionService::listen_for_gates(const std::filesystem::path& socket) {
    GateLink::Handlers handlers;
    handlers.hello = [this] {
        return wire::DaemonHello{wire::kVersion, config_.operator_name, config_.network,
                                 config_.operator_key.public_key().compressed(), config_.bearer_allowed};
    };
    handlers.greeting = [this] {
        std::vector<wire::Message> out;
        for (const Session& session : book_.all())
            for (auto& message : announcement(session)) out.push_back(std::move(message));
        return out;
    };
    handlers.on_message = [this](const wire::Message& message) { on_gate_message(message); };
    handlers.on_gates = [this](std::size_t gates) {
        gates_ = gates;
        if (gates == 0) book_.all_disconnected();
    };
    FS_ASSIGN(link_, GateLink::listen(loop_, socket, std::move(handlers)));
    return {};
}

void SessionService::tick() {
    const TimePoint now = config_.now();
    if (notify_)
        for (const Session& session : book_.expiring(now)) notify_(session, {SessionNotice::What::kExpiring, 0});
    end(book_.expire(now));
    deliveries_.tick(*pool_, now);
    timer_ = loop_.after(kTick, [this] { tick(); });
}

// ---- HTTP -----------------------------------------------------------------------------------------------------------

bool SessionService::handles(const HttpRequest& request) {
    return request.path == kNoncePath || request.path.starts_with(kSessionsPath);
}

void SessionService::handle(HttpRequest request, Respond respond) {
    if (request.path == kNoncePath) {
        const std::string nonce = book_.make_nonce(config_.now());
        HttpResponse response = json_response(200, {{"nonce", nonce}});
        response.headers["dpop-nonce"] = nonce;
        return respond(std::move(response));
    }
    const auto path = parse_path(request.path);
    if (!path && request.path != kSessionsPath)
        return respond(problem_for({"unknown_path", "there is /v1/sessions, and renew and receipts of each"}));
    if (path && path->what == kReceipts) return receipts(request, path->id, respond);
    if (request.method != "POST")
        return respond(problem_for({"wrong_verb", "sessions are opened and renewed by POST"}));
    if (request.body.size() > kMaxBody) return respond(problem_for({"too_large", "a request has at most 32 KiB"}));
    auto asking = std::make_shared<Asking>();
    asking->request = std::move(request);
    asking->respond = std::move(respond);
    if (path)
        renew(*asking, path->id);
    else
        open(std::move(asking));
}

Status SessionService::check_proof(Asking& asking, const std::string& path, const std::string& subject) {
    const TimePoint now = config_.now();
    FS_ASSIGN(asking.nonce, nonce_of(asking.proof));
    FS_TRY(book_.check_nonce(asking.nonce, now));
    const jose::ProofRequest expected{"POST", config_.https_url + path, asking.nonce, subject, {}};
    FS_ASSIGN(const auto proof, jose::verify_proof(asking.proof, expected, now));
    asking.prover = proof.key;
    return {};
}

namespace {

/// Reads the body of POST /v1/sessions. Errors: bad_json, bad_request.
template <typename Asking>
Status read_open_request(Asking& asking) {
    FS_ASSIGN(const auto body, jose::parse_strict_object(asking.request.body));
    const auto bad = [](std::string why) { return fail("bad_request", std::move(why)); };
    auto proof = jose::string_claim(body, "proof", jose::kMaxJwtBytes);
    auto grant = optional_text(body, "grant", gate::Session::kMaxTextBytes);
    auto operator_name = optional_text(body, "operator", gate::Session::kMaxTextBytes);
    auto client_id = optional_text(body, "client_id", gate::Session::kMaxTextBytes);
    auto kind = optional_text(body, "kind", 16);
    if (!proof || !grant || !operator_name || !client_id || !kind)
        return bad("proof, grant or operator, client_id and kind are strings of bounded length; proof is needed");
    if (grant->empty() == operator_name->empty()) return bad("a session is for a grant or for an operator");
    if (!kind->empty() && *kind != "pop" && *kind != "bearer") return bad("kind is pop or bearer");
    if (!operator_name->empty() && (*kind == "bearer" || !client_id->empty()))
        return bad("an operator's session is neither bearer nor under a client id of its choice");
    asking.proof = std::move(*proof);
    asking.grant = std::move(*grant);
    asking.operator_name = std::move(*operator_name);
    asking.client_id = std::move(*client_id);
    asking.bearer = *kind == "bearer";
    return {};
}

}  // namespace

void SessionService::open(std::shared_ptr<Asking> asking) {
    const auto read = read_open_request(*asking);
    if (!read) return asking->respond(problem_for(read.error()));
    const std::string subject = asking->grant.empty() ? "operator:" + asking->operator_name : asking->grant;
    const auto proven = check_proof(*asking, std::string(kSessionsPath), subject);
    if (!proven) return answer(*asking, 201, fail(proven.error()));
    const Error busy{"busy", "too many sessions are being opened: try again soon"};
    if (pending_ >= config_.max_pending) return asking->respond(problem_for(busy));

    ++pending_;
    const auto ask_node = [this, alive = alive_, asking] {
        // On a worker thread: the node's answer goes back to the loop, where the book is.
        Result<chaincode::schema::GrantReply> grant = fail("not_asked", "");
        Result<chaincode::schema::ListOperatorsReply> operators = fail("not_asked", "");
        if (asking->grant.empty())
            operators = grants_.operators();
        else
            grant = grants_.grant(asking->grant);
        loop_.post([this, alive, asking, grant = std::move(grant), operators = std::move(operators)] {
            if (!*alive) return;
            --pending_;
            const TimePoint now = config_.now();
            if (asking->grant.empty()) {
                answer(*asking, 201,
                       operators
                           ? book_.open_operator(asking->operator_name, *operators, asking->prover, asking->nonce, now)
                           : Result<Opened>(fail(operators.error())));
                return;
            }
            answer(*asking, 201,
                   grant ? book_.open(*grant, asking->prover, asking->bearer, asking->client_id, asking->nonce, now)
                         : Result<Opened>(fail(grant.error())));
        });
    };
    if (!pool_->post(ask_node)) {
        --pending_;
        asking->respond(problem_for(busy));
    }
}

void SessionService::renew(Asking& asking, const SessionId& id) {
    const auto body = jose::parse_strict_object(asking.request.body);
    if (!body) return asking.respond(problem_for(body.error()));
    auto proof = jose::string_claim(*body, "proof", jose::kMaxJwtBytes);
    if (!proof) return asking.respond(problem_for({"bad_request", "a renewal needs a proof"}));
    asking.proof = std::move(*proof);
    const Session* session = book_.find(id, config_.now());
    if (session == nullptr) return asking.respond(problem_for({"unknown_session", "no such session: open another"}));
    const std::string subject = session->grant.empty() ? "operator:" + session->operator_name : session->grant;
    const auto proven = check_proof(asking, asking.request.path, subject);
    answer(asking, 200,
           proven ? book_.renew(id, asking.prover, asking.nonce, config_.now()) : Result<Opened>(fail(proven.error())));
}

void SessionService::answer(Asking& asking, int status, Result<Opened> opened) {
    if (!opened) {
        HttpResponse response = problem_for(opened.error());
        // As in RFC 9449, section 8: a refusal brings the nonce for the next try.
        response.headers["dpop-nonce"] = book_.make_nonce(config_.now());
        return asking.respond(std::move(response));
    }
    const Session& session = opened->session;
    // The gates hear of it before the holder does, so it is known when the client connects.
    if (opened->ended) end({*opened->ended});
    if (status == 201) announce(session);
    if (link_ && status == 200)
        link_->send(wire::Extend{session.id, session.token_hash, session.nonce, session.expires});
    json::object body{{"session", gate::to_text(session.id)},
                      {"token", opened->token},
                      {"token_type", session.holder ? "DPoP" : "Bearer"},
                      {"connect_nonce", session.nonce},
                      {"client_id", session.client_id},
                      {"mqtt_url", config_.mqtt_url},
                      {"operator", config_.operator_name},
                      {"network", config_.network},
                      {"expires", jose::numeric_date(session.expires)}};
    if (!session.streams.empty()) {
        body["stream"] = base::to_hex(session.streams.front());
        body["first"] = session.first;
        body["last"] = session.last;
    }
    if (session.bounded_in_time()) {
        body["from_us"] = session.from_us;
        body["until_us"] = session.until_us;
    }
    if (session.receipt_window != 0) body["receipt_window"] = session.receipt_window;
    asking.respond(json_response(status, body));
}

Result<Session> SessionService::authorise(const HttpRequest& request) {
    constexpr std::string_view kScheme = "DPoP ";
    const auto authorization = request.headers.find("authorization");
    const auto proof_header = request.headers.find("dpop");
    if (authorization == request.headers.end() || proof_header == request.headers.end() ||
        !authorization->second.starts_with(kScheme))
        return fail("no_token", "this needs authorization: DPoP TOKEN and a dpop proof");
    const std::string token = authorization->second.substr(kScheme.size());
    const TimePoint now = config_.now();
    FS_ASSIGN(const auto facts, gate::read_token(token, gate::kAccessTokenType, config_.operator_key.public_key(),
                                                 config_.operator_name, now));
    const Session* session = book_.find(facts.session, now);
    if (session == nullptr) return fail("unknown_session", "the session is over: open another");
    const jose::ProofRequest expected{request.method, config_.https_url + request.path, {}, {}, token};
    const jose::ProofLimits limits;
    FS_ASSIGN(const auto proof, jose::verify_proof(proof_header->second, expected, now, limits));
    if (!session->holder || *session->holder != proof.key || proof.thumbprint != facts.thumbprint)
        return fail("wrong_holder", "the proof is not by the session's key");
    FS_TRY(book_.use_proof(facts.session, proof.id, proof.issued + limits.max_age + 2 * limits.clock_skew, now));
    return *session;
}

// ---- Inside the daemon ----------------------------------------------------------------------------------------------

const Session* SessionService::find(const SessionId& id) const {
    return book_.find(id, config_.now());
}

Result<LocalSession> SessionService::local_session() {
    FS_ASSIGN(const auto opened, book_.open_daemon(config_.operator_key.public_key(), config_.now()));
    const Session& session = opened.session;
    announce(session);
    const auto proof = gate::make_connect_proof(config_.operator_key, config_.network, config_.operator_name,
                                                session.client_id, opened.token, session.nonce);
    return LocalSession{session.client_id, proof.encode(), session.expires};
}

// ---- Sessions at the gates ------------------------------------------------------------------------------------------

void SessionService::end(const std::vector<SessionId>& sessions) {
    if (!link_) return;
    for (const auto& id : sessions) link_->send(wire::Revoke{id});
}

void SessionService::revoke_grant(const std::string& grant) {
    end(book_.revoke_grant(grant));
}
void SessionService::revoke_purchase(const std::string& purchase) {
    end(book_.revoke_purchase(purchase));
}

void SessionService::on_gate_message(const wire::Message& message) {
    if (const auto* metered = std::get_if<wire::Metered>(&message))
        meter(metered->session, metered->first, metered->last);
    else if (const auto* held = std::get_if<wire::HeldBack>(&message))
        held_back(*held);
    else if (const auto* admitted = std::get_if<wire::Admitted>(&message))
        book_.connected(admitted->session, true, config_.now());
    else if (const auto* closed = std::get_if<wire::Closed>(&message))
        book_.connected(closed->session, false, config_.now());
}

}  // namespace fairstream::security_manager::service
