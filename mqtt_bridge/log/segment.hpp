#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mqtt_bridge/log/index.hpp"

/// The bytes of a segment file (base/record_log.hpp). It opens with kMagic; then batches follow, each one `append`:
///     u32 'FSLB', u32 body length, u32 CRC-32C of the body, body
/// and the body is records: u32 length of what follows, stream 16, u64 first, u64 last, previous 32, head 32, raw.
namespace fairstream::mqtt_bridge::log {

constexpr std::string_view kMagic = "FSSEG001";
constexpr std::uint32_t kMaxBatchBytes = 256u << 20;
constexpr std::size_t kRecordHeader = 4 + 16 + 8 + 8 + 32 + 32;

/// A batch of `records`; `raw_offsets` receives where each raw bundle lies from the batch's first byte on.
Bytes encode_batch(std::span<const Record* const> records, std::vector<std::uint64_t>& raw_offsets);

struct Scanned {
    Record record;  // without raw
    Index::Place place;
};
struct Scan {
    std::vector<Scanned> records;
    std::uint64_t good_bytes = 0;  // up to the end of the last whole batch
    bool torn = false;             // what follows is an unfinished batch: to be cut
};

/// Reads a whole segment. What is broken before a whole batch is damage, not a torn tail. Error: damaged, with the
/// offset.
Result<Scan> scan_segment(ByteView file, std::uint32_t segment);

}  // namespace fairstream::mqtt_bridge::log
