#pragma once

#include <filesystem>
#include <memory>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::blocks {

/// Decided blocks with their commit certificates, in append-only segment files (64 MiB, checksummed records) with an
/// index that is rebuilt from them. One writer thread, any reader.
class BlockStore {
public:
    /// Cuts a torn tail of the newest segment; anything else that is wrong is `damaged`, with file and offset.
    static Result<std::unique_ptr<BlockStore>> open(const std::filesystem::path& folder);
    virtual ~BlockStore() = default;

    virtual std::uint64_t height() const = 0;  // 0: none
    /// Appends and syncs (fdatasync). Precondition: height == height() + 1. Errors: io_error (disk full is named).
    virtual Status append(std::uint64_t height, const proto::DecidedBlock& block) = 0;
    /// Error: not_found.
    virtual Result<proto::DecidedBlock> read(std::uint64_t height) const = 0;
};

/// SHA-256 of the header bytes.
identity::crypto::Hash block_hash(const proto::Block& block);

}  // namespace fairstream::ledger::blocks
