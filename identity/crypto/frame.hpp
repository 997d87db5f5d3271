#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"

namespace fairstream::identity::crypto {

using StreamHash = std::array<std::uint8_t, 16>;      // truncated SHA-256 of the stream id
using WriterInstance = std::array<std::uint8_t, 16>;  // random at each start of a writer

StreamHash stream_hash(std::string_view stream_id);

/// The cleartext header of a frame, and the associated data of its ciphertext. Big-endian, kBytes long.
struct FrameHeader {
    static constexpr std::size_t kBytes = 54;
    static constexpr std::uint8_t kVersion = 1;
    static constexpr std::uint8_t kClosing = 0x01;  // flags: the last frame of a batch

    std::uint8_t flags = 0;
    StreamHash stream{};
    WriterInstance writer{};
    std::uint32_t key_epoch = 0;
    std::uint64_t sequence = 0;
    std::uint64_t time_us = 0;

    Bytes encode() const;
    static Result<FrameHeader> decode(ByteView bytes);  // of at least kBytes. Errors: too_short, bad_version
    bool operator==(const FrameHeader&) const = default;
};

constexpr std::size_t kFrameOverhead = FrameHeader::kBytes + 16;
constexpr std::size_t kMaxFramePlaintext = 1u << 20;

/// The key of one frame: HKDF(encryption subkey of the key epoch, info = writer instance || sequence). Opening it in a
/// dispute opens that frame only.
Bytes frame_key(ByteView encryption_subkey, const WriterInstance& writer, std::uint64_t sequence);

/// header || AES-256-GCM(frame key, nonce zero, header as AAD, plaintext).
/// Precondition: plaintext of at most kMaxFramePlaintext.
Bytes seal_frame(ByteView encryption_subkey, const FrameHeader& header, ByteView plaintext);
/// Errors: too_short, too_large, bad_version, bad_tag.
Result<Bytes> open_frame(ByteView encryption_subkey, ByteView frame);

}  // namespace fairstream::identity::crypto
