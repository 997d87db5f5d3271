#include "base/record_log.hpp"

#include <algorithm>
#include <optional>

#include "base/assert.hpp"

namespace fairstream::base {

namespace {

/// The contents of the whole frame at `offset`, or nothing.
std::optional<ByteView> frame_at(const RecordFormat& format, ByteView file, std::size_t offset) {
    if (file.size() - offset < format.header_bytes()) return std::nullopt;
    const auto header = file.subspan(offset, format.header_bytes());
    const auto length = read_u32(header.subspan(4));
    const auto rest = file.subspan(offset + format.header_bytes());
    if (read_u32(header) != format.mark || length == 0 || length > format.max_bytes || length > rest.size())
        return std::nullopt;
    const auto contents = rest.first(length);
    if (!std::ranges::equal(format.sum(contents), header.subspan(8))) return std::nullopt;
    return contents;
}

bool whole_frame_after(const RecordFormat& format, ByteView file, std::size_t offset) {
    Bytes mark;
    append_u32(mark, format.mark);
    for (auto at = file.begin() + static_cast<std::ptrdiff_t>(offset) + 1;; ++at) {
        at = std::search(at, file.end(), mark.begin(), mark.end());
        if (at == file.end()) return false;
        if (frame_at(format, file, static_cast<std::size_t>(at - file.begin()))) return true;
    }
}

}  // namespace

Bytes encode_frame(const RecordFormat& format, ByteView contents) {
    FS_ASSERT(!contents.empty() && contents.size() <= format.max_bytes);
    Bytes out;
    out.reserve(format.header_bytes() + contents.size());
    append_u32(out, format.mark);
    append_u32(out, static_cast<std::uint32_t>(contents.size()));
    append(out, format.sum(contents));
    FS_ASSERT(out.size() == format.header_bytes());
    append(out, contents);
    return out;
}

Result<RecordScan> scan_records(const RecordFormat& format, ByteView file,
                                const std::function<Status(ByteView contents, std::uint64_t offset)>& found) {
    RecordScan scan;
    if (file.size() < format.magic.size()) {  // made, and cut off before its first sync
        scan.torn = true;
        return scan;
    }
    if (as_text(file.first(format.magic.size())) != format.magic)
        return fail("damaged", "at byte 0: it does not begin with " + std::string(format.magic));
    std::size_t at = format.magic.size();
    while (at < file.size()) {
        const auto contents = frame_at(format, file, at);
        if (!contents) {
            if (whole_frame_after(format, file, at))
                return fail("damaged", "at byte " + std::to_string(at) +
                                           ": a broken record, and whole ones follow it: this is not a torn tail");
            scan.torn = true;
            break;
        }
        FS_TRY(found(*contents, at + format.header_bytes()));
        at += format.header_bytes() + contents->size();
    }
    scan.good_bytes = at;
    return scan;
}

}  // namespace fairstream::base
