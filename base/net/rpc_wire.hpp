#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// The frames of rpc.hpp as bytes, and back. No I/O.
namespace fairstream::base::net {

/// Frame: u32 length of what follows | u8 kind | u16 method | u64 id | payload, big-endian.
constexpr std::size_t kFrameHeaderBytes = 4 + 1 + 2 + 8;

/// What the server says first on an accepted connection; another version of these frames says something else.
constexpr std::string_view kProtocol = "fairstream-rpc/1";

enum class FrameKind : std::uint8_t {
    kHello = 1,       // server: this connection is admitted; payload kProtocol
    kCall = 2,        // client: wants one reply
    kStreamCall = 3,  // client: wants items, then one reply
    kCancel = 4,      // client: forgets call `id`
    kNotice = 5,      // client: wants no answer
    kItem = 6,        // server
    kReply = 7,       // server
    kFailure = 8,     // server: payload lp(code, message)
};

struct Frame {
    FrameKind kind = FrameKind::kNotice;
    std::uint16_t method = 0;
    std::uint64_t id = 0;
    Bytes payload;
};

/// Appends the frame to `out`.
void encode_frame(Bytes& out, FrameKind kind, std::uint16_t method, std::uint64_t id, ByteView payload);

Bytes encode_failure(const Error& error);
/// Never fails: what cannot be read becomes an `internal` error.
Error decode_failure(ByteView payload);

/// Cuts a received byte stream into frames. Allocates for what has arrived, not for what a header announces.
class FrameReader {
public:
    explicit FrameReader(std::size_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

    void feed(ByteView received) { append(buffer_, received); }
    /// The next whole frame, nothing if more bytes are needed. Errors (the stream is of no use after one):
    /// frame_too_large, bad_frame.
    Result<std::optional<Frame>> next();

private:
    void discard_consumed();

    const std::size_t max_frame_bytes_;
    Bytes buffer_;
    std::size_t consumed_ = 0;
};

}  // namespace fairstream::base::net
