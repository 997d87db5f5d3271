#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "identity/crypto/aead.hpp"
#include "identity/crypto/frame.hpp"

using namespace fairstream;
using namespace fairstream::identity::crypto;
using base::from_hex;
using base::to_hex;

TEST_CASE("AES-256-GCM gives the values of the GCM specification, test cases 13, 14 and 16") {
    CHECK(to_hex(aead_seal(Bytes(32, 0), Bytes(12, 0), {}, {})) == "530f8afbc74536b9a963b4f1c4cb738b");
    CHECK(to_hex(aead_seal(Bytes(32, 0), Bytes(12, 0), {}, Bytes(16, 0))) ==
          "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    const Bytes key = *from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    const Bytes nonce = *from_hex("cafebabefacedbaddecaf888");
    const Bytes associated = *from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const Bytes plaintext = *from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de6"
        "57"
        "ba637b39");
    const Bytes sealed = aead_seal(key, nonce, associated, plaintext);
    CHECK(to_hex(sealed) ==
          "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba"
          "7a0a"
          "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    CHECK(aead_open(key, nonce, associated, sealed).value() == plaintext);
}

TEST_CASE("a sealed message opens only as it was sealed") {
    const Bytes key = random_bytes(32);
    const Bytes nonce(12, 1);
    const Bytes sealed = aead_seal(key, nonce, as_bytes("header"), as_bytes("plain"));
    CHECK(aead_open(key, nonce, as_bytes("header"), sealed).value() == to_bytes("plain"));
    CHECK(aead_open(key, nonce, as_bytes("Header"), sealed).error().code == "bad_tag");
    CHECK(aead_open(key, Bytes(12, 2), as_bytes("header"), sealed).error().code == "bad_tag");
    CHECK(aead_open(random_bytes(32), nonce, as_bytes("header"), sealed).error().code == "bad_tag");
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        Bytes changed = sealed;
        changed[i] = static_cast<std::uint8_t>(changed[i] ^ 0x80);
        CHECK(aead_open(key, nonce, as_bytes("header"), changed).error().code == "bad_tag");
        const auto cut = aead_open(key, nonce, as_bytes("header"), ByteView(sealed).first(i));
        CHECK(cut.error().code == (i < 16 ? "too_short" : "bad_tag"));
    }
}

namespace {

FrameHeader header_seven() {
    FrameHeader header;
    header.flags = FrameHeader::kClosing;
    header.stream = stream_hash("acme/boiler-7/1732147200");
    header.writer.fill(0xab);
    header.key_epoch = 7;
    header.sequence = 0x0102030405060708;
    header.time_us = 1'732'147'200'000'000;
    return header;
}

}  // namespace

TEST_CASE("a frame header is 54 bytes, big-endian, in the order of the data plane") {
    const auto header = header_seven();
    const Bytes bytes = header.encode();
    CHECK(to_hex(bytes) == "0101" + to_hex(header.stream) + to_hex(header.writer) + "00000007" + "0102030405060708" +
                               "00062760f28e0000");
    CHECK(FrameHeader::decode(bytes).value() == header);
    CHECK(FrameHeader::decode(ByteView(bytes).first(53)).error().code == "too_short");
    Bytes other = bytes;
    other[0] = 2;
    CHECK(FrameHeader::decode(other).error().code == "bad_version");
}

TEST_CASE("a frame opens with its stream's subkey and not when a single bit of it was changed") {
    const Bytes subkey = random_bytes(32);
    const Bytes frame = seal_frame(subkey, header_seven(), as_bytes("21.5 C"));
    CHECK(frame.size() == kFrameOverhead + 6);
    CHECK(open_frame(subkey, frame).value() == to_bytes("21.5 C"));
    CHECK(open_frame(random_bytes(32), frame).error().code == "bad_tag");
    for (std::size_t i = 0; i < frame.size(); ++i) {
        Bytes changed = frame;
        changed[i] = static_cast<std::uint8_t>(changed[i] ^ 1);
        CHECK(open_frame(subkey, changed).error().code == (i == 0 ? "bad_version" : "bad_tag"));
    }
    CHECK(open_frame(subkey, ByteView(frame).first(kFrameOverhead - 1)).error().code == "too_short");
}

TEST_CASE("each frame has its own key") {
    const Bytes subkey(32, 9);
    const auto header = header_seven();
    auto restarted = header.writer;
    restarted[0] = 0;
    CHECK(frame_key(subkey, header.writer, 1) != frame_key(subkey, header.writer, 2));
    CHECK(frame_key(subkey, header.writer, 1) != frame_key(subkey, restarted, 1));
    CHECK(frame_key(subkey, header.writer, 1).size() == 32);
}

TEST_CASE("empty and largest frames round-trip, and more is refused") {
    const Bytes subkey(32, 9);
    CHECK(open_frame(subkey, seal_frame(subkey, header_seven(), {})).value().empty());
    const Bytes largest(kMaxFramePlaintext, 0x5a);
    Bytes frame = seal_frame(subkey, header_seven(), largest);
    CHECK(open_frame(subkey, frame).value() == largest);
    frame.push_back(0);
    CHECK(open_frame(subkey, frame).error().code == "too_large");
}
