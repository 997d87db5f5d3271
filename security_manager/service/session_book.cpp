#include "security_manager/service/session_book.hpp"

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"
#include "identity/crypto/hash.hpp"
#include "identity/did/did_key.hpp"
#include "security_manager/gate/access_token.hpp"

namespace fairstream::security_manager::service {

namespace crypto = identity::crypto;
namespace schema = chaincode::schema;

namespace {

constexpr std::size_t kNonceBytes = 8 + 8 + 16;  // time, random, MAC
constexpr std::size_t kNonceSaid = 16;           // what the MAC covers
constexpr std::chrono::seconds kWarnBefore{60};
constexpr std::size_t kMaxClientId = 64;

TimePoint whole_seconds(TimePoint t) {
    return std::chrono::floor<std::chrono::seconds>(t);
}

SessionId random_session_id() {
    SessionId id{};
    const Bytes bytes = crypto::random_bytes(id.size());
    std::copy(bytes.begin(), bytes.end(), id.begin());
    return id;
}

std::string random_nonce() {
    return base::to_base64url(crypto::random_bytes(24));
}

/// What of a grant must hold now, apart from who asks.
Status check_grant(const schema::GrantReply& reply, const std::string& operator_name, TimePoint now) {
    const schema::Grant& grant = reply.grant();
    const auto& operators = grant.operators();
    if (grant.revoked()) return fail("grant_revoked", "the grant was revoked");
    if (!reply.active()) return fail("grant_not_active", "the grant is not active: " + reply.why_not());
    if (base::to_us(now) < grant.not_before_us()) return fail("grant_not_yet", "the grant's time has not come");
    if (base::to_us(now) >= grant.expires_us()) return fail("grant_expired", "the grant has expired");
    if (std::find(operators.begin(), operators.end(), operator_name) == operators.end())
        return fail("not_my_grant", "operator " + operator_name + " was not drawn for this grant");
    return {};
}

}  // namespace

SessionBook::SessionBook(const ServiceConfig& config) : config_(config), nonce_secret_(crypto::random_bytes(32)) {
    config_.bearer_life = std::min(config_.bearer_life, gate::kMaxBearerLife);
}

// ---- Nonces ---------------------------------------------------------------------------------------------------------

std::string SessionBook::make_nonce(TimePoint now) const {
    Bytes nonce;
    base::append_u64(nonce, base::to_us(now));
    append(nonce, crypto::random_bytes(8));
    const auto mac = crypto::hmac_sha256(nonce_secret_, nonce);
    append(nonce, ByteView(mac).first(kNonceBytes - kNonceSaid));
    return base::to_base64url(nonce);
}

Status SessionBook::check_nonce(std::string_view nonce, TimePoint now) const {
    const auto bad = [] { return fail("bad_nonce", "not a fresh nonce of this operator: ask /v1/nonce for one"); };
    if (nonce.size() > 64) return bad();
    const auto bytes = base::from_base64url(nonce);
    if (!bytes || bytes->size() != kNonceBytes) return bad();
    const ByteView said = ByteView(*bytes).first(kNonceSaid);
    const auto mac = crypto::hmac_sha256(nonce_secret_, said);
    if (!base::equal_constant_time(ByteView(mac).first(kNonceBytes - kNonceSaid), ByteView(*bytes).subspan(kNonceSaid)))
        return bad();
    const TimePoint made = base::from_us(base::read_u64(said));
    if (made + config_.nonce_life <= now) return bad();
    if (used_nonces_.contains(nonce)) return fail("nonce_used", "a nonce serves one proof: ask for another");
    return {};
}

Status SessionBook::spend_nonce(std::string_view nonce, TimePoint now) {
    FS_TRY(check_nonce(nonce, now));
    if (used_nonces_.size() >= config_.max_used_nonces)
        return fail("busy", "too many sessions at once: try again soon");
    used_nonces_.emplace(nonce, now + config_.nonce_life);
    return {};
}

// ---- Opening --------------------------------------------------------------------------------------------------------

Result<Opened> SessionBook::open(const schema::GrantReply& reply, const gate::VerifyingKey& prover, bool bearer,
                                 const std::string& client_id, std::string_view nonce, TimePoint now) {
    const schema::Grant& grant = reply.grant();
    if (revoked_.contains(grant.id()) || (!grant.purchase().empty() && revoked_.contains(grant.purchase())))
        return fail("grant_revoked", "the grant was revoked");
    FS_TRY(check_grant(reply, config_.operator_name, now));
    const auto holder = gate::VerifyingKey::from_sec1(as_bytes(grant.holder_key()));
    if (!holder || *holder != prover) return fail("wrong_holder", "the proof is not by the key that holds the grant");
    if (grant.kind() != schema::UPLOAD && grant.kind() != schema::DOWNLOAD)
        return fail("grant_not_active", "the grant is of no kind this operator knows");
    if (bearer && (!config_.bearer_allowed || grant.kind() != schema::DOWNLOAD))
        return fail("bearer_refused", "bearer sessions are for downloads, where the operator allows them");
    FS_TRY(spend_nonce(nonce, now));

    Session session;
    session.kind = bearer                           ? SessionKind::kBearer
                   : grant.kind() == schema::UPLOAD ? SessionKind::kUpload
                                                    : SessionKind::kDownload;
    session.client_id = client_id;
    if (!bearer) session.holder = prover;
    session.streams = {crypto::stream_hash(grant.stream_id())};
    session.first = grant.first_sequence();
    session.last = grant.last_sequence();
    session.grant = grant.id();
    session.purchase = grant.purchase();
    const std::chrono::seconds life = bearer ? config_.bearer_life : config_.session_life;
    const TimePoint until = base::from_us(grant.expires_us());
    if (!session.reads()) return admit(std::move(session), until, life, now);
    session.from_us = grant.from_us();
    session.until_us = grant.until_us();
    session.receipt_window = grant.receipt_window();  // none: a grant from before there was one
    ReceiptTerms terms{.grant = grant.id(),
                       .purchase = session.meter(),
                       .holder = prover,
                       .operators = {grant.operators().begin(), grant.operators().end()},
                       .first = session.first,
                       .last = session.last,
                       .window = session.receipt_window};
    return admit(std::move(session), until, life, now, std::move(terms));
}

Result<Opened> SessionBook::open_operator(const std::string& name, const schema::ListOperatorsReply& listed,
                                          const gate::VerifyingKey& prover, std::string_view nonce, TimePoint now) {
    const auto& operators = listed.operators();
    const auto found = std::find_if(operators.begin(), operators.end(),
                                    [&](const schema::Operator& o) { return o.name() == name && o.active(); });
    if (found == operators.end() || name == config_.operator_name)
        return fail("unknown_operator", "the ledger lists no other active operator of that name");
    const auto key = identity::did::key_from_did(found->did());
    if (!key || *key != prover) return fail("wrong_holder", "the proof is not by the operator's key");
    FS_TRY(spend_nonce(nonce, now));
    Session session;
    session.kind = SessionKind::kOperator;
    session.holder = prover;
    session.operator_name = name;
    return admit(std::move(session), TimePoint::max(), config_.session_life, now);
}

Result<Opened> SessionBook::open_daemon(const gate::VerifyingKey& holder, TimePoint now) {
    Session session;
    session.kind = SessionKind::kDaemon;
    session.holder = holder;
    return admit(std::move(session), TimePoint::max(), std::chrono::hours{24}, now);
}

std::string SessionBook::holder_of(const Session& session) {
    if (session.kind == SessionKind::kDaemon) return {};
    return session.grant.empty() ? "operator:" + session.operator_name : session.grant;
}

Result<Opened> SessionBook::admit(Session session, TimePoint grant_expires, std::chrono::seconds life, TimePoint now,
                                  std::optional<ReceiptTerms> terms) {
    const std::string holder = holder_of(session);
    if (sessions_.size() >= config_.max_sessions)
        return fail("too_many_sessions", "this operator takes no more sessions");
    const auto held = per_holder_.find(holder);
    std::optional<SessionId> idlest;
    if (held != per_holder_.end() && held->second >= config_.max_sessions_per_holder) {
        idlest = idlest_of(holder);
        if (!idlest) return fail("too_many_sessions", "this grant has as many connected sessions as it may");
    }
    session.id = random_session_id();
    if (session.client_id.empty()) session.client_id = "fs-" + gate::to_text(session.id);
    if (session.client_id.size() > kMaxClientId) return fail("bad_client_id", "a client id has at most 64 characters");
    if (by_client_.contains(session.client_id))
        return fail("client_id_taken", "another session uses this client id: choose another, or none");
    session.expires = whole_seconds(std::min(grant_expires, now + life));
    if (session.expires <= now) return fail("grant_expired", "the grant expires this second");
    if (session.kind != SessionKind::kBearer) session.nonce = random_nonce();
    if (const auto ok = gate::check(session); !ok) return fail("bad_client_id", ok.error().message);

    Opened opened;
    opened.ended = idlest;
    if (idlest) forget(*idlest);
    opened.token = gate::issue_token(config_.operator_key, config_.operator_name, session, now);
    session.token_hash = crypto::sha256(as_bytes(opened.token));
    if (!holder.empty()) ++per_holder_[holder];
    by_client_.emplace(session.client_id, session.id);
    Entry entry{session, grant_expires, {}, std::move(terms)};
    entry.used = now;
    sessions_.emplace(session.id, std::move(entry));
    opened.session = std::move(session);
    return opened;
}

Result<Opened> SessionBook::renew(const SessionId& id, const gate::VerifyingKey& prover, std::string_view nonce,
                                  TimePoint now) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || found->second.session.expires <= now)
        return fail("unknown_session", "no such session: open another");
    Entry& entry = found->second;
    if (!entry.session.holder) return fail("bearer_refused", "bearer sessions are not renewed: open another");
    if (*entry.session.holder != prover) return fail("wrong_holder", "the proof is not by the session's key");
    if (entry.grant_expires <= now) return fail("grant_expired", "the grant has expired");
    FS_TRY(spend_nonce(nonce, now));
    Session renewed = entry.session;
    renewed.expires =
        std::max(renewed.expires, whole_seconds(std::min(entry.grant_expires, now + config_.session_life)));
    renewed.nonce = random_nonce();
    Opened opened;
    opened.token = gate::issue_token(config_.operator_key, config_.operator_name, renewed, now);
    renewed.token_hash = crypto::sha256(as_bytes(opened.token));
    entry.session = renewed;
    entry.warned = false;
    entry.used = now;
    opened.session = std::move(renewed);
    return opened;
}

Status SessionBook::use_proof(const SessionId& id, const std::string& proof_id, TimePoint until, TimePoint now) {
    if (find(id, now) == nullptr) return fail("unknown_session", "the session is over: open another");
    sessions_.at(id).used = now;
    auto& proofs = sessions_.at(id).proofs;
    if (proofs.contains(proof_id)) return fail("proof_replayed", "a proof serves one request");
    if (proofs.size() >= config_.max_proofs_per_session)
        std::erase_if(proofs, [now](const auto& proof) { return proof.second <= now; });
    if (proofs.size() >= config_.max_proofs_per_session)
        return fail("too_many_requests", "too many requests in a minute: ask for more frames at a time");
    proofs.emplace(proof_id, until);
    return {};
}

// ---- Use
// --------------------------------------------------------------------------------------------------------------

void SessionBook::connected(const SessionId& id, bool now_connected, TimePoint now) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    found->second.connected = now_connected;
    found->second.used = now;
}

void SessionBook::all_disconnected() {
    for (auto& [id, entry] : sessions_) entry.connected = false;
}

std::optional<SessionId> SessionBook::idlest_of(const std::string& holder) const {
    std::optional<SessionId> out;
    TimePoint used = TimePoint::max();
    for (const auto& [id, entry] : sessions_) {
        if (entry.connected || entry.used >= used || holder_of(entry.session) != holder) continue;
        out = id;
        used = entry.used;
    }
    return out;
}

// ---- Ending ---------------------------------------------------------------------------------------------------------

void SessionBook::forget(const SessionId& id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    const Session& session = found->second.session;
    by_client_.erase(session.client_id);
    if (const auto holder = per_holder_.find(holder_of(session)); holder != per_holder_.end() && --holder->second == 0)
        per_holder_.erase(holder);
    sessions_.erase(found);
}

void SessionBook::remember_revoked(const std::string& name) {
    if (!revoked_.insert(name).second) return;
    revoked_order_.push_back(name);
    if (revoked_order_.size() <= config_.max_revoked) return;
    revoked_.erase(revoked_order_.front());
    revoked_order_.pop_front();
}

std::vector<SessionId> SessionBook::revoke_where(const std::string& name, const std::string Session::*member) {
    std::vector<SessionId> ended;
    if (name.empty()) return ended;
    remember_revoked(name);
    for (const auto& [id, entry] : sessions_)
        if (entry.session.*member == name) ended.push_back(id);
    for (const auto& id : ended) forget(id);
    return ended;
}

std::vector<SessionId> SessionBook::revoke_grant(const std::string& grant) {
    return revoke_where(grant, &Session::grant);
}
std::vector<SessionId> SessionBook::revoke_purchase(const std::string& purchase) {
    return revoke_where(purchase, &Session::purchase);
}

std::vector<SessionId> SessionBook::expire(TimePoint now) {
    std::vector<SessionId> ended;
    for (const auto& [id, entry] : sessions_)
        if (entry.session.expires <= now) ended.push_back(id);
    for (const auto& id : ended) forget(id);
    std::erase_if(used_nonces_, [now](const auto& nonce) { return nonce.second <= now; });
    return ended;
}

std::vector<Session> SessionBook::expiring(TimePoint now) {
    std::vector<Session> out;
    const auto warn_before = std::min<std::chrono::seconds>(kWarnBefore, config_.session_life / 3);
    for (auto& [id, entry] : sessions_) {
        if (entry.warned || entry.session.grant.empty() || entry.session.expires - now > warn_before) continue;
        entry.warned = true;
        out.push_back(entry.session);
    }
    return out;
}

// ---- Lookups -------------------------------------------------------------------------------------------

const Session* SessionBook::find(const SessionId& id, TimePoint now) const {
    const auto found = sessions_.find(id);
    return found == sessions_.end() || found->second.session.expires <= now ? nullptr : &found->second.session;
}

const ReceiptTerms* SessionBook::terms(const SessionId& id, TimePoint now) const {
    const auto found = sessions_.find(id);
    const bool reads = found != sessions_.end() && found->second.session.expires > now && found->second.terms;
    return reads ? &*found->second.terms : nullptr;
}

std::vector<Session> SessionBook::all() const {
    std::vector<Session> out;
    out.reserve(sessions_.size());
    for (const auto& [id, entry] : sessions_) out.push_back(entry.session);
    return out;
}

}  // namespace fairstream::security_manager::service
