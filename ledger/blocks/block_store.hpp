#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/blocks/segment.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::blocks {

/// Decided blocks with their commit certificates, in append-only segment files (64 MiB, checksummed records). Each
/// segment but the newest has an index beside it; it is rebuilt where it is missing. One writer thread, any reader.
class BlockStore {
public:
    /// Reads the indexes, and the newest segment whole. Cuts a torn tail of the newest segment; anything else that is
    /// wrong is `damaged`, with file and offset. What damages older segments is found when it is read.
    static Result<std::unique_ptr<BlockStore>> open(const std::filesystem::path& folder,
                                                    std::uint64_t segment_bytes = kSegmentBytes);
    virtual ~BlockStore() = default;

    virtual std::uint64_t height() const = 0;  // 0: none
    /// Appends and syncs (fdatasync). Precondition: height == height() + 1. Errors: io_error (disk full is named).
    virtual Status append(std::uint64_t height, const proto::DecidedBlock& block) = 0;
    /// Errors: not_found; pruned (it was here, or never needed to be; the message names the oldest that is).
    virtual Result<proto::DecidedBlock> read(std::uint64_t height) const = 0;

    /// What came before the oldest block: nothing at all (height 0), or blocks that are gone.
    struct Base {
        std::uint64_t height = 0;
        std::string header;  // BlockHeader of that block, for who checks the next one
    };
    virtual Base base() const = 0;
    /// Removes the whole segments whose blocks all lie below `height`; answers how many blocks that were. A crash
    /// leaves them there or not, and the store whole either way. The newest segment stays. Error: io_error.
    virtual Result<std::uint64_t> prune(std::uint64_t height) = 0;
    /// Forgets all blocks and goes on after `base`. Precondition: base.height >= height(). Error: io_error.
    virtual Status restart_after(Base base) = 0;
};

/// SHA-256 of the header bytes.
identity::crypto::Hash block_hash(const proto::Block& block);

}  // namespace fairstream::ledger::blocks
