#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "security_manager/gate/meter.hpp"
#include "security_manager/gate/session.hpp"

/// What the daemon and a broker's gate say to one another over a local socket. Frame: u32 length | u8 kind | fields,
/// big-endian; texts and byte strings as u16 length and bytes; lists as u16 count. Both ends are bounded.
namespace fairstream::security_manager::gate::wire {

inline constexpr std::uint8_t kVersion = 2;
inline constexpr std::size_t kMaxMessageBytes = 16u << 10;
inline constexpr std::size_t kMaxRanges = 512;  // in one message

// Daemon to gate.
struct DaemonHello {  // first of all
    std::uint8_t version = kVersion;
    std::string operator_name;
    std::string network;
    identity::crypto::CompressedPoint operator_key{};
    bool bearer_allowed = false;
};
struct Announce {
    Session session;
};
struct Extend {
    SessionId session{};
    Hash token_hash{};
    std::string nonce;
    TimePoint expires{};
};
struct Revoke {
    SessionId session{};
};

/// Of a purchase (Session::meter): what was served elsewhere, or before, and what the buyer's receipts cover. Both only
/// ever grow.
struct Served {
    std::string meter;
    std::vector<SequenceRange> ranges;
};
struct Covered {
    std::string meter;
    std::vector<SequenceRange> ranges;
};

// Gate to daemon.
struct GateHello {  // first of all
    std::uint8_t version = kVersion;
    std::string operator_name;
};
struct Admitted {
    SessionId session{};
};
struct Closed {
    SessionId session{};
};
struct Metered {
    SessionId session{};
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

/// Frames are held back from a session from now on.
struct HeldBack {
    enum class Why : std::uint8_t { kReceiptWanted = 1, kWindowOver = 2 };
    SessionId session{};
    Why why = Why::kReceiptWanted;
    std::uint64_t sequence = 0;  // the first one
};

using Message = std::variant<DaemonHello, Announce, Extend, Revoke, Served, Covered, GateHello, Admitted, Closed,
                             Metered, HeldBack>;

/// The whole frame, length included.
Bytes encode(const Message& message);
/// One frame without its length. Errors: bad_message, bad_session, bad_key.
Result<Message> decode(ByteView frame);

/// Cuts a byte stream into messages.
class Reader {
public:
    void feed(ByteView received) { append(buffer_, received); }
    /// The next message, nothing if more bytes are needed. After an error (those of decode, message_too_large) the
    /// stream is of no use.
    Result<std::optional<Message>> next();

private:
    Bytes buffer_;
    std::size_t consumed_ = 0;
};

}  // namespace fairstream::security_manager::gate::wire
