#include "ledger/snapshot/format.hpp"

#include "ledger/contract/keys.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::snapshot {

namespace crypto = identity::crypto;

namespace {

tl::unexpected<Error> malformed(std::string what) {
    return fail("malformed", "snapshot: " + std::move(what));
}

}  // namespace

Status ChunkWriter::add(std::string_view key, std::string_view value) {
    const std::size_t bytes = 8 + key.size() + value.size();
    if (bytes > kMaxChunkBytes) return fail("too_large", "a row of the state has more than 25165824 bytes");
    if (!chunk_.empty() && chunk_.size() + bytes > kMaxChunkBytes) FS_TRY(close());
    base::append_u32(chunk_, static_cast<std::uint32_t>(key.size()));
    append(chunk_, as_bytes(key));
    base::append_u32(chunk_, static_cast<std::uint32_t>(value.size()));
    append(chunk_, as_bytes(value));
    manifest_.set_rows(manifest_.rows() + 1);
    return chunk_.size() < kChunkBytes ? Status{} : close();
}

Status ChunkWriter::close() {
    if (manifest_.chunks_size() == kMaxChunks) return fail("too_large", "the state has more than 65536 chunks");
    const auto index = static_cast<std::uint32_t>(manifest_.chunks_size());
    manifest_.add_chunks(proto::as_field(crypto::sha256(chunk_)));
    manifest_.set_bytes(manifest_.bytes() + chunk_.size());
    FS_TRY(full_(index, chunk_));
    chunk_.clear();
    return {};
}

Result<proto::SnapshotManifest> ChunkWriter::finish() {
    if (!chunk_.empty()) FS_TRY(close());
    return std::move(manifest_);
}

Status read_chunk(ByteView chunk, const std::function<Status(std::string_view key, std::string_view value)>& each) {
    const auto next = [&](std::string_view& part) {
        if (chunk.size() < 4 || chunk.size() - 4 < base::read_u32(chunk)) return false;
        part = as_text(chunk.subspan(4, base::read_u32(chunk)));
        chunk = chunk.subspan(4 + part.size());
        return true;
    };
    while (!chunk.empty()) {
        std::string_view key;
        std::string_view value;
        if (!next(key) || !next(value)) return malformed("a chunk that does not end with a whole row");
        FS_TRY(each(key, value));
    }
    return {};
}

Result<proto::SnapshotManifest> parse_manifest(ByteView bytes) {
    if (bytes.size() > kMaxManifestBytes) return malformed("a manifest of more than 4194304 bytes");
    FS_ASSIGN(auto manifest, proto::decode<proto::SnapshotManifest>(bytes));
    auto known = manifest;
    known.DiscardUnknownFields();
    if (known.SerializeAsString() != as_text(bytes)) return malformed("a manifest that is not written canonically");
    if (!contract::is_contract_name(manifest.channel())) return malformed("a manifest without a channel");
    if (manifest.chunks_size() > kMaxChunks || manifest.bytes() > kMaxChunkBytes * std::uint64_t{kMaxChunks})
        return malformed("a manifest of more than 65536 chunks");
    for (const auto& chunk : manifest.chunks())
        if (chunk.size() != Hash{}.size()) return malformed("a chunk's hash has not 32 bytes");
    if (manifest.height() == 0)
        return manifest.header().empty() ? Result<proto::SnapshotManifest>(std::move(manifest))
                                         : malformed("a header where there is no block");
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(manifest.header()));
    if (header.height() != manifest.height() || header.channel() != manifest.channel())
        return malformed("the header is of another block or channel");
    return manifest;
}

Hash name_of(ByteView manifest) {
    return crypto::sha256(manifest);
}

}  // namespace fairstream::ledger::snapshot
