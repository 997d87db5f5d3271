#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/keys.hpp"

namespace fairstream::security_manager::gate {

using identity::crypto::Hash;
using identity::crypto::Signature;
using identity::crypto::SigningKey;
using identity::crypto::StreamHash;
using identity::crypto::VerifyingKey;

/// Random, 16 bytes; as 32 hex digits it names the inbox topic and the HTTP resource.
using SessionId = std::array<std::uint8_t, 16>;
std::string to_text(const SessionId& id);
std::optional<SessionId> session_id_from_text(std::string_view hex);

enum class SessionKind : std::uint8_t {
    kUpload = 1,    // the stream's writer
    kDownload = 2,  // a buyer with a released grant
    kOperator = 3,  // another storage operator: replication
    kDaemon = 4,    // this operator's own daemon
    kBearer = 5,    // a buyer's plain MQTT client, admitted by password; reads `live` and its inbox only
};
std::string_view to_text(SessionKind kind);  // "upload", "download", "operator", "daemon", "bearer"

/// What a session may do, as the daemon announces it to its gates.
struct Session {
    static constexpr std::size_t kMaxStreams = 64;
    static constexpr std::size_t kMaxTextBytes = 128;  // of every text member

    SessionId id{};
    SessionKind kind = SessionKind::kDownload;
    std::string client_id;               // the one MQTT client id it may use
    Hash token_hash{};                   // SHA-256 of the access token
    std::string nonce;                   // single use, for CONNECT; empty for bearer sessions
    std::optional<VerifyingKey> holder;  // whose possession admits; none for bearer sessions
    std::vector<StreamHash> streams;     // empty for operators and the daemon
    std::uint64_t first = 0;             // sequence range, inclusive
    std::uint64_t last = 0;
    std::uint64_t from_us = 0;  // only frames whose header's time is in [from_us, until_us); 0 and 0: of any time
    std::uint64_t until_us = 0;
    std::uint32_t receipt_window = 0;  // W: entries served ahead of the buyer's receipts; 0: as many as there are
    std::string grant;                 // what a revocation names; empty for operators and the daemon
    std::string purchase;              // what is metered; of downloads
    std::string operator_name;         // of an operator's session: which operator it is
    TimePoint expires{};

    bool covers(const StreamHash& stream) const;
    bool covers(std::uint64_t sequence) const { return first <= sequence && sequence <= last; }
    bool bounded_in_time() const { return until_us != 0; }
    bool covers_time(std::uint64_t time_us) const {
        return !bounded_in_time() || (from_us <= time_us && time_us < until_us);
    }
    bool reads() const { return kind == SessionKind::kDownload || kind == SessionKind::kBearer; }
    /// What is counted together: the purchase, or the grant where there is none.
    const std::string& meter() const { return purchase.empty() ? grant : purchase; }
};

/// Bounds and consistency of what another process says. Error: bad_session.
Status check(const Session& session);

}  // namespace fairstream::security_manager::gate
