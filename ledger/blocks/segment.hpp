#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"

/// The files of the block store. A segment is named by its first height, zero-padded ("00000000000000000001.blocks"),
/// and holds records, one after the other:
///     magic "FSB2" | u32 length | u64 height | first 16 bytes of SHA-256(magic .. height, stored) | stored
/// These are not the frames of base/record_log.hpp, whose files are read whole: a record names its height, by which
/// what follows a broken one is known, and of older segments only the headers are read.
/// What is stored is the payload compressed (zstd): the signed root that many transactions share, with its signatures
/// and paths, is kept once, and so is a value that stands in a proposal and in its result.
namespace fairstream::ledger::blocks {

constexpr std::uint64_t kSegmentBytes = 64u << 20;
constexpr std::uint32_t kMaxRecordBytes = 48u << 20;  // a block and its certificate
constexpr std::size_t kRecordHeaderBytes = 32;

struct Record {
    std::uint64_t height = 0;
    std::uint64_t offset = 0;  // of the record's header
    std::uint32_t length = 0;  // of what is stored after it

    std::uint64_t end() const { return offset + kRecordHeaderBytes + length; }
};

std::string segment_name(std::uint64_t first_height);

/// The bytes of a record. Precondition: payload of at most kMaxRecordBytes.
Bytes encode_record(std::uint64_t height, ByteView payload);

/// The payload of `record`, its checksum verified. Errors: damaged (file and offset), io_error.
Result<Bytes> read_record(const std::filesystem::path& file, int fd, const Record& record);

/// How far a segment's records were whole and what came after them.
struct Scan {
    std::uint64_t end = 0;
    bool torn = false;  // an unfinished append follows; nothing else
};
/// Walks the records of a segment, which must begin with `first_height`, in order. The newest segment's payloads are
/// checked as well, and it alone may be torn; of older ones only the headers are read. Errors: damaged (file and
/// offset), io_error.
Result<Scan> scan_segment(const std::filesystem::path& file, int fd, std::uint64_t first_height, bool newest,
                          const std::function<void(const Record&)>& found);

}  // namespace fairstream::ledger::blocks
