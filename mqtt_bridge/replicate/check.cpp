#include "mqtt_bridge/replicate/check.hpp"

#include "identity/crypto/merkle.hpp"

namespace fairstream::mqtt_bridge::replicate {

using namespace identity::crypto;

namespace {

/// `time_us`: of the frame before; becomes this one's.
Status check_frame(const ManifestFields& manifest, std::uint64_t sequence, ByteView frame, std::uint64_t& time_us) {
    const std::string name = "frame " + std::to_string(sequence);
    if (frame.size() < kFrameOverhead || frame.size() > kFrameOverhead + kMaxFramePlaintext)
        return fail("bad_frame", name + " has " + std::to_string(frame.size()) + " bytes, outside 70 to 1 MiB + 70");
    FS_ASSIGN(const FrameHeader header, FrameHeader::decode(frame));
    if (header.stream != manifest.stream) return fail("bad_frame", name + " is of another stream");
    if (header.writer != manifest.writer) return fail("bad_frame", name + " is of another writer instance");
    if (header.sequence != sequence)
        return fail("bad_frame", name + " carries the number " + std::to_string(header.sequence));
    if (header.time_us < time_us) return fail("bad_frame", name + " is earlier than the one before it");
    time_us = header.time_us;
    return {};
}

}  // namespace

Status check_frames(const ManifestFields& manifest, std::span<const ByteView> frames) {
    if (manifest.first == 0 || manifest.last < manifest.first || frames.size() > kMaxBundleFrames ||
        manifest.last - manifest.first != frames.size() - 1)
        return fail("bad_range", "the manifest numbers " + std::to_string(manifest.first) + " to " +
                                     std::to_string(manifest.last) + ", the bundle holds " +
                                     std::to_string(frames.size()) + " frames");
    if ((manifest.first == 1) != (manifest.previous == Hash{}))
        return fail("bad_range", "the first manifest of a stream, and no other, has none before it");
    MerkleAccumulator tree;
    std::uint64_t time_us = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        FS_TRY(check_frame(manifest, manifest.first + i, frames[i], time_us));
        tree.add(merkle_leaf(frames[i]));
    }
    if (tree.root() != manifest.root) return fail("bad_root", "the frames do not hash to the manifest's root");
    return {};
}

}  // namespace fairstream::mqtt_bridge::replicate
