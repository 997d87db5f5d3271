#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/frame.hpp"
#include "identity/crypto/hash.hpp"

namespace fairstream::mqtt_bridge::log {

using identity::crypto::Hash;
using identity::crypto::StreamHash;

/// One bundle as it is stored: the writer's bytes as they came (manifest and frames), and what of the manifest the log
/// must know. Who appends has checked the bundle; the log checks only that it continues its stream.
struct Record {
    StreamHash stream{};
    std::uint64_t first = 0;  // sequence numbers, inclusive
    std::uint64_t last = 0;
    Hash previous{};  // manifest head before it; zero for the stream's first
    Hash head{};      // SHA-256 of its manifest: names the bundle and all before it
    Bytes raw;

    bool operator==(const Record&) const = default;
};

/// How far a stream is durable: every frame up to and including `through`; `head` names the manifest that ends there.
struct Position {
    std::uint64_t through = 0;  // 0: nothing yet
    Hash head{};

    bool operator==(const Position&) const = default;
};

enum class Outcome {
    kAppended,
    kDuplicate,  // these very numbers under this very manifest are stored already
    kConflict,   // other frames are stored under some of these numbers: the writer signed two stories
    kGap,        // it does not continue the stream here
};

/// The port behind which an operator keeps its streams (data-plane.md, "Growing past one machine"): a file
/// implementation here, clustered engines later, under one conformance test. Thread-safe.
class StreamLog {
public:
    virtual ~StreamLog() = default;

    /// Stores `records` in order, under one sync; on return what was appended survives a power cut. One outcome each.
    /// After an error nothing is known of the batch, and the log takes no more: close it. Errors: io_error, too_large.
    virtual Result<std::vector<Outcome>> append(std::span<const Record> records) = 0;

    /// Consecutive bundles from the one that holds `from`: as many as fit into `max_bytes`, at least one if it is
    /// there. Empty: `from` is beyond the stream's end. Errors: deleted, damaged, io_error.
    virtual Result<std::vector<Record>> read(const StreamHash& stream, std::uint64_t from,
                                             std::size_t max_bytes) const = 0;

    virtual Position mark(const StreamHash& stream) const = 0;
    virtual std::vector<std::pair<StreamHash, Position>> marks() const = 0;

    /// Forgets the bundles that end at or before `through`; the position stays, since numbers are never used again.
    virtual Status remove(const StreamHash& stream, std::uint64_t through) = 0;
};

}  // namespace fairstream::mqtt_bridge::log
