#pragma once

#include <string>

#include "base/clock.hpp"
#include "mqtt_bridge/log/stream_log.hpp"

/// What an operator says to a session's inbox, beside the answers to range requests.
namespace fairstream::mqtt_bridge::client {

/// JSON with "type" and "stream" (hex), and:
///     expected         through, head (hex)   a bundle does not continue what is stored
///     refused          code, message         a bundle
///     receipt_wanted   sequence              frames are held back from this one on until a delivery receipt comes
///     window_over      sequence              the time that was paid for ends before this frame
///     expiring         expires (us)          the session ends then, unless it is renewed
struct Notice {
    enum class Type { kExpected, kRefused, kReceiptWanted, kWindowOver, kExpiring };
    Type type = Type::kExpected;
    log::StreamHash stream{};
    log::Position position;      // of kExpected: what the operator holds
    Error error;                 // of kRefused: conflict, bad_bundle, ... or busy (send it again later)
    std::uint64_t sequence = 0;  // of kReceiptWanted and kWindowOver
    TimePoint expires{};         // of kExpiring

    std::string encode() const;
    /// Error: bad_notice.
    static Result<Notice> decode(std::string_view json);
};

/// A range request on fs/1/s/{stream}/fetch: u64 from, u32 limit. Its answer, in the inbox under the same correlation
/// data: u8 0 and frames as over HTTPS (u32 length, bytes, and so on), or u8 1 and a problem document.
struct RangeRequest {
    std::uint64_t from = 0;
    std::uint32_t limit = 0;

    Bytes encode() const;
    /// Error: bad_request.
    static Result<RangeRequest> decode(ByteView bytes);
};

/// Frames, each after its length as u32: the body of GET /v1/streams/{stream}/frames.
void append_frame(Bytes& to, ByteView frame);
/// Errors: bad_answer (a length beyond the end, more than 4096 frames).
Result<std::vector<Bytes>> split_frames(ByteView bytes);

}  // namespace fairstream::mqtt_bridge::client
