#include "mqtt_bridge/log/segment.hpp"

#include <algorithm>

#include "base/checksum.hpp"

namespace fairstream::mqtt_bridge::log {

namespace {

constexpr std::uint32_t kBatchMark = 0x46534c42;  // "FSLB"

/// The body of the whole batch at `offset`, or nothing.
std::optional<ByteView> batch_at(ByteView file, std::uint64_t offset) {
    if (file.size() - offset < kBatchHeader) return std::nullopt;
    const ByteView header = file.subspan(offset, kBatchHeader);
    if (base::read_u32(header) != kBatchMark) return std::nullopt;
    const std::uint32_t size = base::read_u32(header.subspan(4));
    if (file.size() - offset - kBatchHeader < size) return std::nullopt;
    const ByteView body = file.subspan(offset + kBatchHeader, size);
    if (base::crc32c(body) != base::read_u32(header.subspan(8))) return std::nullopt;
    return body;
}

bool whole_batch_after(ByteView file, std::uint64_t offset) {
    Bytes mark;
    base::append_u32(mark, kBatchMark);
    auto from = file.begin() + static_cast<std::ptrdiff_t>(offset) + 1;
    while (true) {
        from = std::search(from, file.end(), mark.begin(), mark.end());
        if (from == file.end()) return false;
        if (batch_at(file, static_cast<std::uint64_t>(from - file.begin()))) return true;
        ++from;
    }
}

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
    std::size_t size = kBatchHeader;
    for (const Record* record : records) size += kRecordHeader + record->raw.size();
    Bytes out(kBatchHeader);
    out.reserve(size);
    for (const Record* record : records) {
        base::append_u32(out, static_cast<std::uint32_t>(kRecordHeader - 4 + record->raw.size()));
        append(out, record->stream);
        base::append_u64(out, record->first);
        base::append_u64(out, record->last);
        append(out, record->previous);
        append(out, record->head);
        raw_offsets.push_back(out.size());
        append(out, record->raw);
    }
    const ByteView body = ByteView(out).subspan(kBatchHeader);
    Bytes header;
    base::append_u32(header, kBatchMark);
    base::append_u32(header, static_cast<std::uint32_t>(body.size()));
    base::append_u32(header, base::crc32c(body));
    std::ranges::copy(header, out.begin());
    return out;
}

Result<Scan> scan_segment(ByteView file, std::uint32_t segment) {
    Scan scan;
    if (file.size() < kMagic.size()) {  // made, and cut off before its first sync
        scan.torn = true;
        return scan;
    }
    if (as_text(file.first(kMagic.size())) != kMagic)
        return fail("damaged", "it does not begin with " + std::string(kMagic));
    std::uint64_t at = kMagic.size();
    while (at < file.size()) {
        const auto body = batch_at(file, at);
        if (!body) {
            if (whole_batch_after(file, at))
                return fail("damaged", "the batch at byte " + std::to_string(at) +
                                           " is broken and whole ones follow it: this is not a torn tail");
            scan.torn = true;
            break;
        }
        if (!read_records(*body, at + kBatchHeader, segment, scan.records))
            return fail("damaged", "the batch at byte " + std::to_string(at) + " holds no list of records");
        at += kBatchHeader + body->size();
    }
    scan.good_bytes = at;
    return scan;
}

}  // namespace fairstream::mqtt_bridge::log
