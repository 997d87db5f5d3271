#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "ledger/blocks/block_store.hpp"

/// The small files beside the segments: an index of each closed one, and the marker of what was pruned.
namespace fairstream::ledger::blocks {

/// Where the records of one segment begin, and where the last ends.
struct Index {
    std::vector<std::uint32_t> offsets;
    std::uint64_t end = 0;
};

std::string index_name(std::uint64_t first_height);

/// Written once, when the segment is closed. Error: io_error.
Status write_index(const std::filesystem::path& folder, std::uint64_t first_height, const Index& index);
/// Nothing if there is none that is whole and fits a segment of `segment_bytes`.
std::optional<Index> read_index(const std::filesystem::path& folder, std::uint64_t first_height,
                                std::uint64_t segment_bytes);

/// Replaced atomically. Error: io_error.
Status write_base(const std::filesystem::path& folder, const BlockStore::Base& base);
/// Height 0 if there is none. Error: damaged.
Result<BlockStore::Base> read_base(const std::filesystem::path& folder);

/// First heights of the segments in `folder`, in order. Errors: damaged (a file that is none of ours), io_error.
Result<std::vector<std::uint64_t>> list_segments(const std::filesystem::path& folder);

}  // namespace fairstream::ledger::blocks
