#include "security_manager/gate/session_gate.hpp"

#include "identity/jose/jwk.hpp"
#include "security_manager/gate/access_token.hpp"
#include "security_manager/gate/connect_proof.hpp"
#include "security_manager/gate/topic.hpp"

namespace fairstream::security_manager::gate {

namespace crypto = identity::crypto;

namespace {

/// A purchase is counted on for so long after its last session here: its holder comes back after a lost connection.
constexpr std::chrono::hours kKeepAccounts{24};
constexpr std::string_view kOurTopics = "fs/1/";

/// What a session that is not the daemon's may receive, and so subscribe to.
bool may_read(const Session& session, const Topic& topic) {
    switch (topic.kind) {
        case TopicKind::kInbox:
            return topic.session == session.id;
        case TopicKind::kLive:
            return session.reads() && session.covers(topic.stream);
        case TopicKind::kReceipts:
            return (session.kind == SessionKind::kUpload || session.kind == SessionKind::kDownload) &&
                   session.covers(topic.stream);
        case TopicKind::kUp:
        case TopicKind::kFetch:
        case TopicKind::kOperator:
            return false;
    }
    return false;
}

bool may_write(const Session& session, const Topic& topic) {
    switch (topic.kind) {
        case TopicKind::kUp:
            return session.kind == SessionKind::kUpload && session.covers(topic.stream);
        case TopicKind::kFetch:
            return session.kind == SessionKind::kDownload && session.covers(topic.stream);
        case TopicKind::kOperator:
            return session.kind == SessionKind::kOperator && topic.operator_name == session.operator_name;
        case TopicKind::kReceipts:
        case TopicKind::kLive:
        case TopicKind::kInbox:
            return false;
    }
    return false;
}

}  // namespace

SessionGate::SessionGate(std::string operator_name, std::string network, VerifyingKey operator_key, Limits limits)
    : operator_name_(std::move(operator_name)),
      network_(std::move(network)),
      operator_key_(std::move(operator_key)),
      limits_(limits) {}

// ---- From the daemon ------------------------------------------------------------------------------------------------

Status SessionGate::announce(Session session, TimePoint now) {
    FS_TRY(check(session));
    if (session.expires <= now) return fail("bad_session", "the session has expired already");
    if (sessions_.size() >= limits_.max_sessions) return fail("too_many_sessions", "this gate holds no more sessions");
    if (sessions_.contains(session.id)) return fail("session_exists", "a session of this id was announced before");
    if (by_client_.contains(session.client_id))
        return fail("client_id_taken", "another session uses client id " + session.client_id);
    by_client_.emplace(session.client_id, session.id);
    if (!session.grant.empty()) by_grant_[session.grant].insert(session.id);
    by_expiry_.emplace(session.expires, session.id);
    const SessionId id = session.id;
    Entry entry;
    entry.session = std::move(session);
    if (entry.session.reads()) {
        Account* const known = account(entry.session.meter(), entry.session.expires + kKeepAccounts);
        if (known != nullptr) {
            known->delivery.set_window(entry.session.receipt_window);
            for (const auto& range : known->delivery.served().ranges())
                report(id, range);  // the daemon may be a new one
        }
    }
    sessions_.emplace(id, std::move(entry));
    return {};
}

Status SessionGate::extend(const SessionId& id, const Hash& token_hash, std::string nonce, TimePoint expires) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return fail("unknown_session", "no session " + to_text(id));
    Session renewed = found->second.session;
    by_expiry_.erase({renewed.expires, id});
    renewed.token_hash = token_hash;
    renewed.nonce = std::move(nonce);
    renewed.expires = expires;
    if (const auto ok = check(renewed); !ok) {
        by_expiry_.emplace(found->second.session.expires, id);
        return ok;
    }
    by_expiry_.emplace(expires, id);
    // Only a session's newest nonce admits, so those before need not be remembered: who renews and connects all day
    // takes no one's room.
    if (renewed.nonce != found->second.session.nonce) used_nonces_.erase(found->second.session.nonce);
    found->second.session = std::move(renewed);
    return {};
}

std::optional<std::string> SessionGate::erase(Sessions::iterator found) {
    const Entry& entry = found->second;
    const Session& session = entry.session;
    std::optional<std::string> connected;
    if (entry.connected) connected = session.client_id;
    by_client_.erase(session.client_id);
    by_expiry_.erase({session.expires, session.id});
    if (const auto grant = by_grant_.find(session.grant); grant != by_grant_.end()) {
        grant->second.erase(session.id);
        if (grant->second.empty()) by_grant_.erase(grant);
    }
    sessions_.erase(found);
    return connected;
}

std::optional<std::string> SessionGate::revoke(const SessionId& id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return std::nullopt;
    used_nonces_.erase(found->second.session.nonce);  // the daemon has forgotten the session for good
    return erase(found);
}

std::vector<std::string> SessionGate::revoke_grant(std::string_view grant) {
    std::vector<std::string> out;
    const auto found = by_grant_.find(grant);
    if (found == by_grant_.end()) return out;
    const std::set<SessionId> sessions = found->second;
    for (const auto& id : sessions)
        if (auto client = revoke(id)) out.push_back(std::move(*client));
    return out;
}

SessionGate::Account* SessionGate::account(std::string_view meter, TimePoint keep_until) {
    auto found = accounts_.find(meter);
    if (found == accounts_.end()) {
        if (accounts_.size() >= limits_.max_sessions) return nullptr;
        found = accounts_.emplace(std::string(meter), Account{}).first;
    }
    found->second.keep_until = std::max(found->second.keep_until, keep_until);
    return &found->second;
}

void SessionGate::note_served(std::string_view meter, std::span<const SequenceRange> ranges, TimePoint now) {
    if (Account* const known = account(meter, now + kKeepAccounts))
        for (const auto& [first, last] : ranges) known->delivery.serve(first, last);
}

void SessionGate::note_covered(std::string_view meter, std::span<const SequenceRange> ranges, TimePoint now) {
    if (Account* const known = account(meter, now + kKeepAccounts)) known->delivery.cover(ranges);
    for (auto& [id, entry] : sessions_)
        if (entry.session.meter() == meter) entry.told_receipt_wanted = false;
}

std::vector<std::string> SessionGate::close() {
    std::vector<std::string> out;
    while (!sessions_.empty())
        if (auto client = erase(sessions_.begin())) out.push_back(std::move(*client));
    unreported_.clear();
    return out;
}

void SessionGate::reopen(std::string network, VerifyingKey operator_key, Limits limits) {
    network_ = std::move(network);
    operator_key_ = std::move(operator_key);
    limits_ = limits;
}

// ---- From the broker: admission -------------------------------------------------------------------------------------

Result<SessionGate::Entry*> SessionGate::announced(std::string_view client_id, const SessionId& id,
                                                   std::string_view token, TimePoint now) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return fail("unknown_session", "the daemon knows no such session");
    Session& session = found->second.session;
    if (session.expires <= now) return fail("token_expired", "the session is over");
    if (!base::equal_constant_time(session.token_hash, crypto::sha256(as_bytes(token))))
        return fail("bad_token", "not the session's newest token");
    if (session.client_id != client_id)
        return fail("wrong_client", "the session is for another client id than the one that connects");
    return &found->second;
}

Result<SessionId> SessionGate::admit(std::string_view client_id, ByteView authentication_data, TimePoint now) {
    FS_ASSIGN(const auto proof, ConnectProof::decode(authentication_data));
    FS_ASSIGN(const auto token, read_token(proof.token, kAccessTokenType, operator_key_, operator_name_, now));
    FS_ASSIGN(Entry * entry, announced(client_id, token.session, proof.token, now));
    const Session& session = entry->session;
    if (!session.holder || identity::jose::thumbprint(*session.holder) != token.thumbprint)
        return fail("bad_token", "the token is bound to another key than the session");
    if (used_nonces_.contains(session.nonce))
        return fail("nonce_used", "this nonce has admitted a connection: renew the session for another");
    const Bytes input = connect_proof_input(network_, operator_name_, client_id, session.token_hash, session.nonce);
    if (!session.holder->verify(input, proof.signature))
        return fail("bad_proof", "the signature is not the holder's over this operator, client, token and nonce");
    if (used_nonces_.size() >= 2 * limits_.max_sessions) return fail("too_many_sessions", "too many connections");
    used_nonces_.emplace(session.nonce, session.expires);
    entry->connected = true;
    return session.id;
}

Result<SessionId> SessionGate::admit_bearer(std::string_view client_id, std::string_view password, TimePoint now) {
    const auto token = read_token(password, kBearerTokenType, operator_key_, operator_name_, now);
    if (!token && token.error().code == "bad_token")
        return fail("not_a_bearer_token", "the password is not a bearer token of this operator");
    if (!token) return fail(token.error());
    if (!limits_.bearer_allowed) return fail("bearer_refused", "this operator admits no bearer sessions");
    FS_ASSIGN(Entry * entry, announced(client_id, token->session, password, now));
    if (entry->session.kind != SessionKind::kBearer) return fail("not_a_bearer_token", "the session is bound to a key");
    if (entry->bearer_used) return fail("bearer_in_use", "a bearer session admits one connection");
    entry->bearer_used = true;
    entry->connected = true;
    return entry->session.id;
}

void SessionGate::disconnected(std::string_view client_id) {
    const auto found = by_client_.find(client_id);
    if (found != by_client_.end()) sessions_.at(found->second).connected = false;
}

// ---- From the broker: topics ----------------------------------------------------------------------------------------

const SessionGate::Entry* SessionGate::live(std::string_view client_id, TimePoint now) const {
    const auto client = by_client_.find(client_id);
    if (client == by_client_.end()) return nullptr;
    const auto found = sessions_.find(client->second);
    if (found == sessions_.end()) return nullptr;
    const Entry& entry = found->second;
    return entry.connected && entry.session.expires > now ? &entry : nullptr;
}

bool SessionGate::can_publish(std::string_view client_id, std::string_view topic, bool retain, TimePoint now) const {
    const Entry* entry = live(client_id, now);
    const auto parsed = parse_topic(topic);
    if (entry == nullptr || !parsed) return false;
    if (entry->session.kind == SessionKind::kDaemon) return true;
    return !retain && may_write(entry->session, *parsed);
}

bool SessionGate::can_subscribe(std::string_view client_id, std::string_view topic_filter, TimePoint now) const {
    const Entry* entry = live(client_id, now);
    if (entry == nullptr) return false;
    if (entry->session.kind == SessionKind::kDaemon) return topic_filter.starts_with(kOurTopics);
    const auto parsed = parse_topic(topic_filter);
    return parsed && may_read(entry->session, *parsed);
}

bool SessionGate::can_deliver(std::string_view client_id, std::string_view topic, ByteView payload, TimePoint now) {
    const Entry* entry = live(client_id, now);
    const auto parsed = parse_topic(topic);
    if (entry == nullptr || !parsed) return false;
    if (entry->session.kind == SessionKind::kDaemon) return true;
    if (!may_read(entry->session, *parsed)) return false;
    if (parsed->kind != TopicKind::kLive) return true;
    const auto frame = crypto::FrameHeader::decode(payload);
    if (!frame || frame->stream != parsed->stream) return false;
    return may_have(sessions_.at(entry->session.id), *frame);
}

/// Whether a frame was bought and may be sent now; counts it.
bool SessionGate::may_have(Entry& entry, const crypto::FrameHeader& frame) {
    const Session& session = entry.session;
    if (!session.covers(frame.sequence)) return false;
    if (!session.covers_time(frame.time_us)) {
        if (frame.time_us >= session.until_us) hold_back(entry, /*window_over=*/true, frame.sequence);
        return false;
    }
    Account* const found = account(session.meter(), session.expires + kKeepAccounts);
    if (found == nullptr) return false;
    found->delivery.set_window(session.receipt_window);
    if (found->delivery.served().contains(frame.sequence)) return true;
    if (!found->delivery.may_serve(frame.sequence)) {
        hold_back(entry, /*window_over=*/false, frame.sequence);
        return false;
    }
    if (unreported_.size() >= limits_.max_unreported || !found->delivery.serve(frame.sequence, frame.sequence))
        return false;
    report(session.id, {frame.sequence, frame.sequence});
    return true;
}

void SessionGate::hold_back(Entry& entry, bool window_over, std::uint64_t sequence) {
    bool& told = window_over ? entry.told_window_over : entry.told_receipt_wanted;
    if (!told && held_back_.size() < limits_.max_unreported)
        held_back_.push_back({entry.session.id, window_over, sequence});
    told = true;
}

bool SessionGate::may_name_reply_topic(std::string_view client_id, std::string_view topic) const {
    const Session* session = session_of(client_id);
    return session != nullptr && (session->kind == SessionKind::kDaemon || topic == inbox_topic(session->id));
}

const Session* SessionGate::session_of(std::string_view client_id) const {
    const auto client = by_client_.find(client_id);
    if (client == by_client_.end()) return nullptr;
    const Entry& entry = sessions_.at(client->second);
    return entry.connected ? &entry.session : nullptr;
}

std::vector<std::string> SessionGate::expire(TimePoint now) {
    std::vector<std::string> out;
    const bool any = !by_expiry_.empty() && by_expiry_.begin()->first <= now;
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= now)
        if (auto client = revoke(by_expiry_.begin()->second)) out.push_back(std::move(*client));
    if (any) {
        std::erase_if(used_nonces_, [now](const auto& nonce) { return nonce.second <= now; });
        std::erase_if(accounts_, [now](const auto& account) { return account.second.keep_until <= now; });
    }
    return out;
}

// ---- Accounts -------------------------------------------------------------------------------------------------------

void SessionGate::report(const SessionId& session, const SequenceRange& range) {
    if (!unreported_.empty()) {
        Metered& last = unreported_.back();
        if (last.session == session && last.range.last + 1 == range.first) {
            last.range.last = range.last;
            return;
        }
    }
    unreported_.push_back({session, range});
}

SessionGate::Usage SessionGate::usage(std::string_view meter) const {
    const auto found = accounts_.find(meter);
    if (found == accounts_.end()) return {};
    const Meter& served = found->second.delivery.served();
    return {served.entries(), served.ranges()};
}

std::vector<SessionGate::Metered> SessionGate::take_metered() {
    return std::exchange(unreported_, {});
}

std::vector<SessionGate::HeldBack> SessionGate::take_held_back() {
    return std::exchange(held_back_, {});
}

}  // namespace fairstream::security_manager::gate
