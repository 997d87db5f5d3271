#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "security_manager/gate/delivery_account.hpp"
#include "security_manager/gate/session.hpp"

namespace fairstream::security_manager::gate {

/// Decides what one MQTT client may do, from the session it proved (data-plane.md, "Tokens, sessions, the gate").
/// No I/O: the broker plugin and the HTTP hook both ask this class. One instance per broker; not thread-safe.
/// What is not allowed here is refused.
///
/// The daemon announces sessions; a client is admitted to one of them by proof, and holds it until it closes, the
/// session expires or is revoked. One connection per session.
class SessionGate {
public:
    struct Limits {
        std::size_t max_sessions = 100'000;
        bool bearer_allowed = true;
        std::size_t max_unreported = 65'536;  // metered ranges waiting for take_metered
    };
    SessionGate(std::string operator_name, std::string network, VerifyingKey operator_key, Limits limits);

    // ---- From the daemon ----

    /// Errors: bad_session, too_many_sessions, client_id_taken (by another live session), session_exists.
    Status announce(Session session, TimePoint now);
    /// A renewed session: later end, a new token, a nonce for the next connection. Error: unknown_session.
    Status extend(const SessionId& id, const Hash& token_hash, std::string nonce, TimePoint expires);
    /// Forgets the session. The client to disconnect, if it is connected.
    std::optional<std::string> revoke(const SessionId& id);
    /// The same for every session under a grant.
    std::vector<std::string> revoke_grant(std::string_view grant);
    /// What was served under a purchase elsewhere or before, and what its receipts cover. Ignored when there are too
    /// many purchases.
    void note_served(std::string_view meter, std::span<const SequenceRange> ranges, TimePoint now);
    void note_covered(std::string_view meter, std::span<const SequenceRange> ranges, TimePoint now);
    /// The daemon is gone: forgets every session, but not the nonces that were used.
    std::vector<std::string> close();
    /// A daemon is there again, perhaps with another key or other limits. Precondition: closed.
    void reopen(std::string network, VerifyingKey operator_key, Limits limits);

    // ---- From the broker ----

    /// Admits `client_id` by FS-POP: the token is this operator's and announced, the nonce unused, and the signature
    /// the holder's, over this operator, client and nonce (RFC 7800).
    /// Errors: bad_proof, bad_token, wrong_audience, token_expired, unknown_session, wrong_client, nonce_used.
    Result<SessionId> admit(std::string_view client_id, ByteView authentication_data, TimePoint now);
    /// Admits by password: a bearer session's token, once.
    /// Errors: not_a_bearer_token (also for any token bound to a key), bearer_refused (switched off), token_expired,
    /// wrong_audience, unknown_session, wrong_client, bearer_in_use.
    Result<SessionId> admit_bearer(std::string_view client_id, std::string_view password, TimePoint now);
    /// The client's connection ended.
    void disconnected(std::string_view client_id);

    bool can_publish(std::string_view client_id, std::string_view topic, bool retain, TimePoint now) const;
    bool can_subscribe(std::string_view client_id, std::string_view topic_filter, TimePoint now) const;
    /// True if the client may be sent this message. Of `live`, the frame's header says which number it has and of what
    /// time it is; it is counted once for its purchase, however often the broker asks, and held back when W entries
    /// were sent that no receipt covers.
    bool can_deliver(std::string_view client_id, std::string_view topic, ByteView payload, TimePoint now);
    /// True for the client's own inbox, the only place where it may have replies sent to; anywhere for the daemon.
    bool may_name_reply_topic(std::string_view client_id, std::string_view topic) const;
    /// The session of a connected client, nullptr if there is none. Valid until the next call that is not const.
    const Session* session_of(std::string_view client_id) const;

    /// Ends sessions that have expired at `now`; the connected clients among them, to be disconnected.
    std::vector<std::string> expire(TimePoint now);

    // ---- Accounts ----

    struct Usage {
        std::uint64_t entries = 0;
        std::vector<SequenceRange> ranges;
    };
    /// What was sent under a purchase (or a grant without one), over all its sessions here.
    Usage usage(std::string_view meter) const;

    struct Metered {
        SessionId session{};
        SequenceRange range;
    };
    /// What was newly metered since the last call, neighbours joined; of a session announced anew also what was metered
    /// for its purchase before.
    std::vector<Metered> take_metered();

    struct HeldBack {
        SessionId session{};
        bool window_over = false;  // the time that was paid for is over; else a receipt is wanted
        std::uint64_t sequence = 0;
    };
    /// Sessions from which frames are held back since the last call: each once per reason, until a receipt comes.
    std::vector<HeldBack> take_held_back();

    std::size_t session_count() const { return sessions_.size(); }

private:
    struct Entry {
        Session session;
        bool connected = false;
        bool bearer_used = false;
        bool told_receipt_wanted = false;
        bool told_window_over = false;
    };
    struct Account {
        DeliveryAccount delivery;
        TimePoint keep_until{};
    };
    using Sessions = std::map<SessionId, Entry>;

    const Entry* live(std::string_view client_id, TimePoint now) const;
    Account* account(std::string_view meter, TimePoint keep_until);
    bool may_have(Entry& entry, const identity::crypto::FrameHeader& frame);
    Result<Entry*> announced(std::string_view client_id, const SessionId& id, std::string_view token, TimePoint now);
    std::optional<std::string> erase(Sessions::iterator session);
    void report(const SessionId& session, const SequenceRange& range);
    void hold_back(Entry& entry, bool window_over, std::uint64_t sequence);

    const std::string operator_name_;
    std::string network_;
    VerifyingKey operator_key_;
    Limits limits_;
    Sessions sessions_;
    std::map<std::string, SessionId, std::less<>> by_client_;
    std::map<std::string, std::set<SessionId>, std::less<>> by_grant_;
    std::set<std::pair<TimePoint, SessionId>> by_expiry_;
    std::map<std::string, TimePoint, std::less<>> used_nonces_;  // until when they must be remembered
    std::map<std::string, Account, std::less<>> accounts_;
    std::vector<Metered> unreported_;
    std::vector<HeldBack> held_back_;
};

}  // namespace fairstream::security_manager::gate
