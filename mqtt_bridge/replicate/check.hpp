#pragma once

#include <span>

#include "mqtt_bridge/log/stream_log.hpp"

namespace fairstream::mqtt_bridge::replicate {

using identity::crypto::Hash;
using identity::crypto::StreamHash;
using identity::crypto::WriterInstance;

constexpr std::size_t kMaxBundleBytes = 2u << 20;  // as sent
constexpr std::size_t kMaxBundleFrames = 1024;

/// What a manifest says of its bundle (chaincode/schema, Manifest).
struct ManifestFields {
    StreamHash stream{};
    WriterInstance writer{};
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    Hash root{};
    Hash previous{};  // zero: none
    bool closing = false;
};

/// True to the manifest: as many frames as it numbers, each of this stream and writer under its number and no earlier
/// than the one before, the root over them right, and only a stream's first manifest without one before it. Whether the
/// manifest itself is the writer's is for the caller to check. Errors: bad_range, bad_frame, bad_root.
Status check_frames(const ManifestFields& manifest, std::span<const ByteView> frames);

}  // namespace fairstream::mqtt_bridge::replicate
