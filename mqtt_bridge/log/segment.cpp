#include "mqtt_bridge/log/segment.hpp"

#include <algorithm>

#include "base/checksum.hpp"
#include "base/record_log.hpp"

namespace fairstream::mqtt_bridge::log {

namespace {

constexpr std::uint32_t kBatchMark = 0x46534c42;  // "FSLB"

Bytes checksum(ByteView body) {
    Bytes out;
    base::append_u32(out, base::crc32c(body));
    return out;
}

constexpr base::RecordFormat kFormat{
    .magic = kMagic, .mark = kBatchMark, .max_bytes = kMaxBatchBytes, .sum_bytes = 4, .sum = checksum};

bool read_records(ByteView body, std::uint64_t body_offset, std::uint32_t segment, std::vector<Scanned>& out) {
    std::size_t at = 0;
    while (at < body.size()) {
        if (body.size() - at < kRecordHeader) return false;
        const ByteView header = body.subspan(at, kRecordHeader);
        const std::uint32_t length = base::read_u32(header);
        if (length < kRecordHeader - 4 || body.size() - at - 4 < length) return false;
        Scanned scanned;
        std::copy_n(header.begin() + 4, 16, scanned.record.stream.begin());
        scanned.record.first = base::read_u64(header.subspan(20));
        scanned.record.last = base::read_u64(header.subspan(28));
        std::copy_n(header.begin() + 36, 32, scanned.record.previous.begin());
        std::copy_n(header.begin() + 68, 32, scanned.record.head.begin());
        scanned.place = {segment, body_offset + at + kRecordHeader,
                         static_cast<std::uint32_t>(length - (kRecordHeader - 4))};
        out.push_back(std::move(scanned));
        at += 4 + length;
    }
    return true;
}

}  // namespace

Bytes encode_batch(std::span<const Record* const> records, std::vector<std::uint64_t>& raw_offsets) {
    std::size_t size = 0;
    for (const Record* record : records) size += kRecordHeader + record->raw.size();
    Bytes body;
    body.reserve(size);
    for (const Record* record : records) {
        base::append_u32(body, static_cast<std::uint32_t>(kRecordHeader - 4 + record->raw.size()));
        append(body, record->stream);
        base::append_u64(body, record->first);
        base::append_u64(body, record->last);
        append(body, record->previous);
        append(body, record->head);
        raw_offsets.push_back(kFormat.header_bytes() + body.size());
        append(body, record->raw);
    }
    return base::encode_frame(kFormat, body);
}

Result<Scan> scan_segment(ByteView file, std::uint32_t segment) {
    Scan scan;
    FS_ASSIGN(const auto frames, base::scan_records(kFormat, file, [&](ByteView body, std::uint64_t offset) -> Status {
                  if (read_records(body, offset, segment, scan.records)) return {};
                  return fail("damaged", "the batch at byte " + std::to_string(offset - kFormat.header_bytes()) +
                                             " holds no list of records");
              }));
    scan.good_bytes = frames.good_bytes;
    scan.torn = frames.torn;
    return scan;
}

}  // namespace fairstream::mqtt_bridge::log
