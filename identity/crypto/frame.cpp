#include "identity/crypto/frame.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/assert.hpp"
#include "identity/crypto/aead.hpp"

namespace fairstream::identity::crypto {

namespace {

constexpr std::array<std::uint8_t, 12> kZeroNonce{};  // each frame has its own key, so its nonce is used once

}  // namespace

StreamHash stream_hash(std::string_view stream_id) {
    const Hash full = sha256(as_bytes(stream_id));
    StreamHash out;
    std::copy_n(full.begin(), out.size(), out.begin());
    return out;
}

Bytes FrameHeader::encode() const {
    Bytes out;
    out.reserve(kBytes);
    out.push_back(kVersion);
    out.push_back(flags);
    append(out, stream);
    append(out, writer);
    base::append_u32(out, key_epoch);
    base::append_u64(out, sequence);
    base::append_u64(out, time_us);
    FS_ASSERT(out.size() == kBytes);
    return out;
}

Result<FrameHeader> FrameHeader::decode(ByteView bytes) {
    if (bytes.size() < kBytes)
        return fail("too_short", "a frame header has 54 bytes, here are " + std::to_string(bytes.size()));
    if (bytes[0] != kVersion) return fail("bad_version", "frame version 1 is known, not " + std::to_string(bytes[0]));
    FrameHeader out;
    out.flags = bytes[1];
    std::copy_n(bytes.begin() + 2, out.stream.size(), out.stream.begin());
    std::copy_n(bytes.begin() + 18, out.writer.size(), out.writer.begin());
    out.key_epoch = base::read_u32(bytes.subspan(34));
    out.sequence = base::read_u64(bytes.subspan(38));
    out.time_us = base::read_u64(bytes.subspan(46));
    return out;
}

Bytes frame_key(ByteView encryption_subkey, const WriterInstance& writer, std::uint64_t sequence) {
    Bytes info = to_bytes(ByteView(writer));
    base::append_u64(info, sequence);
    return hkdf_sha256(encryption_subkey, {}, info, 32);
}

Bytes seal_frame(ByteView encryption_subkey, const FrameHeader& header, ByteView plaintext) {
    FS_ASSERT(plaintext.size() <= kMaxFramePlaintext);
    Bytes key = frame_key(encryption_subkey, header.writer, header.sequence);
    Bytes out = header.encode();
    append(out, aead_seal(key, kZeroNonce, out, plaintext));
    OPENSSL_cleanse(key.data(), key.size());
    return out;
}

Result<Bytes> open_frame(ByteView encryption_subkey, ByteView frame) {
    FS_ASSIGN(const FrameHeader header, FrameHeader::decode(frame));
    if (frame.size() < kFrameOverhead)
        return fail("too_short", "a frame has at least 70 bytes, not " + std::to_string(frame.size()));
    if (frame.size() > kFrameOverhead + kMaxFramePlaintext)
        return fail("too_large", "a frame has at most 1 MiB of plaintext, here are " + std::to_string(frame.size()));
    Bytes key = frame_key(encryption_subkey, header.writer, header.sequence);
    auto opened = aead_open(key, kZeroNonce, frame.first(FrameHeader::kBytes), frame.subspan(FrameHeader::kBytes));
    OPENSSL_cleanse(key.data(), key.size());
    return opened;
}

}  // namespace fairstream::identity::crypto
