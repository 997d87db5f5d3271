#pragma once

#include <functional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/proto/snapshot.pb.h"

/// What a snapshot is made of (docs/adr/0010). A chunk holds whole rows of the state, in order: lp(key, value), one
/// after the other. The manifest names every chunk by its hash; the hash of the manifest is the snapshot's name.
namespace fairstream::ledger::snapshot {

using identity::crypto::Hash;

constexpr std::size_t kChunkBytes = 4u << 20;      // a chunk is closed once it has as many;
constexpr std::size_t kMaxChunkBytes = 24u << 20;  // one row more may make it larger, up to this
constexpr int kMaxChunks = 65'536;
constexpr std::size_t kMaxManifestBytes = 4u << 20;

/// Gathers rows into chunks and hands over each as it is full.
class ChunkWriter {
public:
    using Full = std::function<Status(std::uint32_t index, ByteView chunk)>;
    explicit ChunkWriter(Full full) : full_(std::move(full)) {}

    /// Errors: too_large (a row, or all of them), and those of `full`.
    Status add(std::string_view key, std::string_view value);
    /// The last chunk. The manifest lacks channel, height and header yet.
    Result<proto::SnapshotManifest> finish();

private:
    Status close();

    Full full_;
    Bytes chunk_;
    proto::SnapshotManifest manifest_;
};

/// Hands over each row. Errors: malformed, and what `each` fails with.
Status read_chunk(ByteView chunk, const std::function<Status(std::string_view key, std::string_view value)>& each);

/// Form and bounds only. Error: malformed, with what is wrong.
Result<proto::SnapshotManifest> parse_manifest(ByteView bytes);
Hash name_of(ByteView manifest);

}  // namespace fairstream::ledger::snapshot
