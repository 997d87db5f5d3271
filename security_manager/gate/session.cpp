#include "security_manager/gate/session.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace fairstream::security_manager::gate {

namespace {

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_client_id(std::string_view id) {
    // '/' and wildcards stay out: an id may end up in a topic or a log line.
    return !id.empty() && id.size() <= Session::kMaxTextBytes && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

Status check_shape(const Session& session) {
    for (const std::string* text :
         {&session.client_id, &session.nonce, &session.grant, &session.purchase, &session.operator_name})
        if (text->size() > Session::kMaxTextBytes || !is_printable(*text))
            return fail("bad_session", "a text of the session is too long or not plain");
    if (!is_client_id(session.client_id)) return fail("bad_session", "a client id is 1 to 128 of a-z A-Z 0-9 . _ -");
    if (session.streams.size() > Session::kMaxStreams)
        return fail("bad_session", "a session covers at most 64 streams");
    if (session.first > session.last) return fail("bad_session", "the sequence range ends before it begins");
    if (session.until_us != 0 ? session.from_us >= session.until_us : session.from_us != 0)
        return fail("bad_session", "the time ends before it begins");
    return {};
}

}  // namespace

std::string to_text(const SessionId& id) {
    return base::to_hex(id);
}

std::optional<SessionId> session_id_from_text(std::string_view hex) {
    SessionId id{};
    if (hex.size() != 2 * id.size()) return std::nullopt;
    const auto bytes = base::from_hex(hex);
    if (!bytes || base::to_hex(*bytes) != hex) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), id.begin());
    return id;
}

std::string_view to_text(SessionKind kind) {
    switch (kind) {
        case SessionKind::kUpload:
            return "upload";
        case SessionKind::kDownload:
            return "download";
        case SessionKind::kOperator:
            return "operator";
        case SessionKind::kDaemon:
            return "daemon";
        case SessionKind::kBearer:
            return "bearer";
    }
    return "unknown";
}

bool Session::covers(const StreamHash& stream) const {
    return std::find(streams.begin(), streams.end(), stream) != streams.end();
}

Status check(const Session& session) {
    FS_TRY(check_shape(session));
    const bool bearer = session.kind == SessionKind::kBearer;
    if (bearer == session.holder.has_value() || bearer != session.nonce.empty())
        return fail("bad_session", "exactly the sessions that are not bearer sessions have a holder and a nonce");
    const bool of_grant = bearer || session.kind == SessionKind::kUpload || session.kind == SessionKind::kDownload;
    if (of_grant == session.streams.empty() || of_grant == session.grant.empty())
        return fail("bad_session", "exactly the sessions under a grant have a grant and its streams");
    if ((session.kind == SessionKind::kOperator) == session.operator_name.empty())
        return fail("bad_session", "exactly an operator's session names an operator");
    return {};
}

}  // namespace fairstream::security_manager::gate
