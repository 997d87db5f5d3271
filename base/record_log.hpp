#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// What an append-only file looks like, and where a power cut has torn it. The file opens with its magic; then come
/// frames, each one write that is synced before the next is begun, so that only the last can be torn:
///     u32 mark | u32 length of the contents | sum | contents
/// Who owns the file opens, locks, writes, syncs and cuts it: what may be lost, and with what consequences, differs.
namespace fairstream::base {

struct RecordFormat {
    std::string_view magic;
    std::uint32_t mark = 0;
    std::uint32_t max_bytes = 0;  // of a frame's contents, at least 1
    std::size_t sum_bytes = 0;
    Bytes (*sum)(ByteView contents) = nullptr;  // of sum_bytes

    std::size_t header_bytes() const { return 4 + 4 + sum_bytes; }
};

/// One frame. Precondition: contents of 1 to max_bytes; an empty frame could not be told from zeros after a mark.
Bytes encode_frame(const RecordFormat& format, ByteView contents);

struct RecordScan {
    std::uint64_t good_bytes = 0;  // up to the end of the last whole frame; 0: not even the magic is whole
    bool torn = false;             // what follows is an unfinished write: to be cut
};
/// Reads a whole file, and hands on each frame's contents with their place in it. What is broken before a whole frame
/// is damage, not a torn tail. Errors: damaged (with the byte), and whatever `found` answers.
Result<RecordScan> scan_records(const RecordFormat& format, ByteView file,
                                const std::function<Status(ByteView contents, std::uint64_t offset)>& found);

}  // namespace fairstream::base
