#include "base/net/rpc_wire.hpp"

#include <algorithm>

namespace fairstream::base::net {

namespace {

constexpr std::size_t kAfterLength = kFrameHeaderBytes - 4;
constexpr std::size_t kMaxCodeBytes = 64;
constexpr std::size_t kMaxMessageBytes = 4096;
constexpr std::size_t kKeptCapacity = 256u << 10;

bool is_code(std::string_view text) {
    return !text.empty() && text.size() <= kMaxCodeBytes && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

/// Takes one part of an lp() list off the front of `from`.
std::optional<std::string_view> take_part(ByteView& from) {
    if (from.size() < 4) return std::nullopt;
    const std::size_t size = read_u32(from);
    if (size > from.size() - 4) return std::nullopt;
    const auto part = from.subspan(4, size);
    from = from.subspan(4 + size);
    return as_text(part);
}

}  // namespace

void encode_frame(Bytes& out, FrameKind kind, std::uint16_t method, std::uint64_t id, ByteView payload) {
    append_u32(out, static_cast<std::uint32_t>(kAfterLength + payload.size()));
    out.push_back(static_cast<std::uint8_t>(kind));
    append_u16(out, method);
    append_u64(out, id);
    append(out, payload);
}

Bytes encode_failure(const Error& error) {
    return lp(std::string_view(error.code).substr(0, kMaxCodeBytes),
              std::string_view(error.message).substr(0, kMaxMessageBytes));
}

Error decode_failure(ByteView payload) {
    const auto code = take_part(payload);
    const auto message = take_part(payload);
    if (!code || !message || !payload.empty() || !is_code(*code) || message->size() > kMaxMessageBytes)
        return {"internal", "the peer answered with a failure that cannot be read"};
    return {std::string(*code), std::string(*message)};
}

Result<std::optional<Frame>> FrameReader::next() {
    const ByteView unread = ByteView(buffer_).subspan(consumed_);
    if (unread.size() < 4) {
        discard_consumed();
        return std::nullopt;
    }
    const std::size_t length = read_u32(unread);
    if (length < kAfterLength)
        return fail("bad_frame", "a frame of " + std::to_string(length) + " bytes has no header");
    if (length - kAfterLength > max_frame_bytes_)
        return fail("frame_too_large", "a frame of " + std::to_string(length - kAfterLength) + " bytes, at most " +
                                           std::to_string(max_frame_bytes_) + " are allowed");
    if (unread.size() - 4 < length) {
        discard_consumed();
        return std::nullopt;
    }
    const std::uint8_t kind = unread[4];
    if (kind < static_cast<std::uint8_t>(FrameKind::kHello) || kind > static_cast<std::uint8_t>(FrameKind::kFailure))
        return fail("bad_frame", "unknown frame kind " + std::to_string(kind));
    Frame frame{static_cast<FrameKind>(kind), read_u16(unread.subspan(5)), read_u64(unread.subspan(7)),
                to_bytes(unread.subspan(kFrameHeaderBytes, length - kAfterLength))};
    consumed_ += 4 + length;
    return frame;
}

void FrameReader::discard_consumed() {
    if (consumed_ == 0) return;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
    // One large frame should not hold its memory for the life of the connection.
    if (buffer_.capacity() > kKeptCapacity && buffer_.size() < kKeptCapacity / 2) buffer_.shrink_to_fit();
}

}  // namespace fairstream::base::net
