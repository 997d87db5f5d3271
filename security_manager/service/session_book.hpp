#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "chaincode/schema/security_manager.pb.h"
#include "security_manager/gate/session.hpp"
#include "security_manager/service/delivery_book.hpp"

namespace fairstream::security_manager::service {

using gate::Session;
using gate::SessionId;
using gate::SessionKind;

/// Who this operator is, and what it grants at most.
struct ServiceConfig {
    std::string operator_name;
    std::string network;  // the channel
    identity::crypto::SigningKey operator_key = identity::crypto::SigningKey::generate();
    std::string https_url;  // as clients reach it, without a trailing slash: proofs name it
    std::string mqtt_url;
    bool bearer_allowed = true;
    std::chrono::seconds session_life{900};
    std::chrono::seconds bearer_life{300};  // at most gate::kMaxBearerLife
    std::chrono::seconds nonce_life{60};
    std::size_t max_sessions = 100'000;
    std::size_t max_sessions_per_holder = 16;  // per grant, or per operator
    std::size_t max_used_nonces = 200'000;
    std::size_t max_proofs_per_session = 4096;  // HTTPS requests per minute
    std::size_t max_pending = 256;              // requests waiting for the node
    std::size_t max_revoked = 200'000;          // revocations remembered, oldest forgotten
    std::filesystem::path accounts;             // folder: what was served and receipted; empty: in memory only
    DeliveryBook::Limits deliveries = {};
    std::function<TimePoint()> now = base::wall_now;
};

/// What opening or renewing a session gives its holder.
struct Opened {
    Session session;
    std::string token;
    std::optional<SessionId> ended;  // an idle session of the same holder that had to make room
};

/// Every session of this operator: opens, renews, expires, revokes. A core without I/O: time and the ledger's answers
/// arrive as arguments. Touched by one thread.
class SessionBook {
public:
    explicit SessionBook(const ServiceConfig& config);

    /// Server nonces are not stored: time, random bytes and a MAC. Each serves one proof, within nonce_life.
    std::string make_nonce(TimePoint now) const;
    /// Error: bad_nonce (not ours, too old), nonce_used.
    Status check_nonce(std::string_view nonce, TimePoint now) const;

    /// Opens a session under a grant that the node has just answered for. Uses up the nonce. A holder that has all the
    /// sessions it may have, having come back often, loses the one that was longest idle.
    /// Errors: nonce_used, busy, grant_revoked, grant_not_active, grant_expired, grant_not_yet, not_my_grant,
    /// wrong_holder, bearer_refused, bad_client_id, client_id_taken, too_many_sessions.
    Result<Opened> open(const chaincode::schema::GrantReply& grant, const gate::VerifyingKey& prover, bool bearer,
                        const std::string& client_id, std::string_view nonce, TimePoint now);
    /// A session for another operator, by the key the ledger lists for it. Errors: unknown_operator, wrong_holder, and
    /// as above.
    Result<Opened> open_operator(const std::string& name, const chaincode::schema::ListOperatorsReply& listed,
                                 const gate::VerifyingKey& prover, std::string_view nonce, TimePoint now);
    /// The daemon's own, for its connection to its broker. Earlier ones stay until they expire.
    Result<Opened> open_daemon(const gate::VerifyingKey& holder, TimePoint now);
    /// A new token and nonce, a later end. Errors: unknown_session, wrong_holder, nonce_used, grant_expired,
    /// bearer_refused (bearer sessions are not renewed).
    Result<Opened> renew(const SessionId& id, const gate::VerifyingKey& prover, std::string_view nonce, TimePoint now);

    /// Remembers a proof's id until `until`. Errors: unknown_session, proof_replayed, too_many_requests.
    Status use_proof(const SessionId& id, const std::string& proof_id, TimePoint until, TimePoint now);

    /// A client of the session was admitted by a gate, or has gone.
    void connected(const SessionId& id, bool now_connected, TimePoint now);
    /// The gates are gone, and with them every connection.
    void all_disconnected();

    /// The sessions to end; the name is remembered, so that an answer from before the revocation opens nothing.
    std::vector<SessionId> revoke_grant(const std::string& grant);
    std::vector<SessionId> revoke_purchase(const std::string& purchase);
    std::vector<SessionId> expire(TimePoint now);
    /// Sessions under a grant that end within a minute, each named once.
    std::vector<Session> expiring(TimePoint now);

    /// nullptr if there is no such session or it is over.
    const Session* find(const SessionId& id, TimePoint now) const;
    /// Of a session that reads, what its receipts are held against; nullptr as above.
    const ReceiptTerms* terms(const SessionId& id, TimePoint now) const;
    std::vector<Session> all() const;

private:
    struct Entry {
        Session session;
        TimePoint grant_expires{};
        std::map<std::string, TimePoint> proofs;  // id -> until when it is remembered
        std::optional<ReceiptTerms> terms;        // of sessions that read
        bool warned = false;                      // that it ends
        bool connected = false;
        TimePoint used{};  // opened, renewed, asked by, connected or disconnected
    };
    Status spend_nonce(std::string_view nonce, TimePoint now);
    Result<Opened> admit(Session session, TimePoint grant_expires, std::chrono::seconds life, TimePoint now,
                         std::optional<ReceiptTerms> terms = std::nullopt);
    void forget(const SessionId& id);
    std::optional<SessionId> idlest_of(const std::string& holder) const;
    void remember_revoked(const std::string& name);
    std::vector<SessionId> revoke_where(const std::string& name, const std::string Session::*member);
    static std::string holder_of(const Session& session);

    ServiceConfig config_;
    Bytes nonce_secret_;
    std::map<SessionId, Entry> sessions_;
    std::map<std::string, SessionId> by_client_;
    std::map<std::string, std::size_t> per_holder_;
    std::map<std::string, TimePoint, std::less<>> used_nonces_;
    std::set<std::string> revoked_;
    std::deque<std::string> revoked_order_;
};

}  // namespace fairstream::security_manager::service
