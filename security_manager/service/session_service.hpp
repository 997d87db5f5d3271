#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "base/net/http.hpp"
#include "base/net/loop.hpp"
#include "base/pool.hpp"
#include "security_manager/service/delivery_desk.hpp"
#include "security_manager/service/gate_link.hpp"
#include "security_manager/service/grant_source.hpp"
#include "security_manager/service/session_book.hpp"

namespace fairstream::security_manager::service {

/// What the daemon itself connects to its own broker with.
struct LocalSession {
    std::string client_id;
    Bytes connect_authentication;  // one connection
    TimePoint expires;             // ask for another, and connect anew, before then
};

/// What a session's holder is to hear in its inbox.
struct SessionNotice {
    enum class What { kExpiring, kReceiptWanted, kWindowOver };
    What what = What::kExpiring;
    std::uint64_t sequence = 0;  // the first frame that is held back
};

/// An operator's security manager (data-plane.md, "Tokens, sessions, the gate"), inside the operator daemon.
///
///     GET  /v1/nonce                  {"nonce"}, also as header dpop-nonce
///     POST /v1/sessions               {"grant" | "operator", "proof", "client_id"?, "kind"?: "pop" | "bearer"}
///     POST /v1/sessions/{id}/renew    {"proof"}
///     POST /v1/sessions/{id}/receipts {"receipt", "signature", "token_signature"}: see DeliveryDesk
///     GET  /v1/sessions/{id}/receipts where the purchase stands here
///
/// The proof is a DPoP-style JWT over method, URL, nonce and grant ("operator:NAME" for an operator). Answers 201/200
/// {"session", "token", "token_type", "connect_nonce", "client_id", "mqtt_url", "expires", "operator", "network",
/// "stream", "first", "last", "from_us"?, "until_us"?, "receipt_window"?}; problem+json otherwise. All members on the
/// loop thread, except where noted.
class SessionService {
public:
    using Respond = base::net::HttpServer::Respond;

    /// `grants` and `loop` must outlive this. Create and destroy on the loop thread, or while the loop does not run.
    SessionService(base::net::Loop& loop, ServiceConfig config, GrantSource& grants);
    ~SessionService();
    SessionService(const SessionService&) = delete;
    SessionService& operator=(const SessionService&) = delete;

    /// Opens the socket for brokers' gates. Error: listen_failed.
    Status listen_for_gates(const std::filesystem::path& socket);
    /// Gates connected now. From any thread.
    std::size_t gates() const { return gates_; }

    static bool handles(const base::net::HttpRequest& request);
    /// Precondition: handles(request).
    void handle(base::net::HttpRequest request, Respond respond);

    /// The session behind an HTTPS request with `authorization: DPoP TOKEN` and its `dpop` proof (RFC 9449); a proof
    /// serves once. What the session covers is for the caller to hold the request to. Errors: no_token, bad_token,
    /// wrong_audience, token_expired, unknown_session, those of verify_proof, wrong_holder, proof_replayed,
    /// too_many_requests.
    Result<Session> authorise(const base::net::HttpRequest& request);
    /// The session that an inbox topic names: who asks in a range request, and for what it may ask.
    const Session* find(const SessionId& id) const;
    /// The last of [first, last] up to which a session may be served now. Error: receipt_wanted, which says how far the
    /// receipts are behind.
    Result<std::uint64_t> reach(const Session& session, std::uint64_t first, std::uint64_t last);
    /// Counts what was served under a session, whichever way; idempotent.
    void meter(const SessionId& id, std::uint64_t first, std::uint64_t last);
    const gate::Meter* usage(const std::string& purchase_or_grant) const;

    /// What sessions are to hear, as it happens.
    void on_notice(std::function<void(const Session&, const SessionNotice&)> take) { notify_ = std::move(take); }

    Result<LocalSession> local_session();

    /// Ends every session under it, at every gate, at once.
    void revoke_grant(const std::string& grant);
    void revoke_purchase(const std::string& purchase);

private:
    struct Asking;
    void tick();
    void open(std::shared_ptr<Asking> asking);
    void renew(Asking& asking, const SessionId& id);
    void receipts(const base::net::HttpRequest& request, const SessionId& id, const Respond& respond);
    void announce(const Session& session);
    std::vector<gate::wire::Message> announcement(const Session& session) const;
    void held_back(const gate::wire::HeldBack& message);
    Status check_proof(Asking& asking, const std::string& path, const std::string& subject);
    void answer(Asking& asking, int status, Result<Opened> opened);
    void end(const std::vector<SessionId>& sessions);
    void on_gate_message(const gate::wire::Message& message);

    base::net::Loop& loop_;
    ServiceConfig config_;
    GrantSource& grants_;
    SessionBook book_;
    DeliveryDesk deliveries_;
    std::function<void(const Session&, const SessionNotice&)> notify_;
    std::unique_ptr<GateLink> link_;
    std::atomic<std::size_t> gates_{0};
    std::size_t pending_ = 0;
    base::net::Loop::TimerId timer_ = 0;
    std::shared_ptr<bool> alive_;  // false once this is gone, for what others post back
    std::unique_ptr<base::Pool> pool_;
};

/// The problem document for an error of this room, with the status that suits its code.
base::net::HttpResponse problem_for(const Error& error);

}  // namespace fairstream::security_manager::service
