#include "ledger/blocks/segment.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>

#include "base/assert.hpp"

namespace fairstream::ledger::blocks {

namespace crypto = identity::crypto;

namespace {

constexpr std::uint32_t kMagic = 0x46534232;  // "FSB2"
constexpr std::size_t kCheckedBytes = 16;     // magic, length, height
constexpr std::size_t kChecksumBytes = 16;

tl::unexpected<Error> damaged(const std::filesystem::path& file, std::uint64_t offset, std::string_view what) {
    return fail("damaged", fmt::format("{} at offset {}: {}", file.string(), offset, what));
}

bool checksum_holds(ByteView header, ByteView payload) {
    const auto hash = crypto::sha256_of({header.first(kCheckedBytes), payload});
    return std::equal(hash.begin(), hash.begin() + kChecksumBytes, header.begin() + kCheckedBytes);
}

bool all_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

Result<std::uint64_t> size_of(const std::filesystem::path& file, int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        return fail("io_error", "cannot stat " + file.string() + ": " + std::system_category().message(errno));
    return static_cast<std::uint64_t>(status.st_size);
}

/// True if a record begins anywhere after `from` in what is left of the file: then what precedes it was no last append.
Result<bool> record_follows(int fd, std::uint64_t from, std::uint64_t size, std::uint64_t after_height) {
    const std::uint64_t window = std::min<std::uint64_t>(size - from, kMaxRecordBytes + kRecordHeaderBytes);
    FS_ASSIGN(const auto rest, base::read_exact(fd, static_cast<std::size_t>(window), from));
    for (std::size_t i = 1; i + kRecordHeaderBytes <= rest.size(); ++i) {
        const auto header = ByteView(rest).subspan(i, kRecordHeaderBytes);
        if (base::read_u32(header) == kMagic && base::read_u64(header.subspan(8)) == after_height) return true;
    }
    return false;
}

struct Step {
    enum class Kind { kRecord, kTorn } kind;
    Record record;
};

/// What stands at `offset` of a file of `size` bytes.
Result<Step> step(const std::filesystem::path& file, int fd, std::uint64_t offset, std::uint64_t size,
                  std::uint64_t height, bool newest) {
    const auto torn_or = [&](std::string_view what) -> Result<Step> {
        if (!newest) return damaged(file, offset, what);
        FS_ASSIGN(const auto follows, record_follows(fd, offset, size, height + 1));
        if (follows) return damaged(file, offset, what);
        return Step{Step::Kind::kTorn, {}};
    };
    if (size - offset < kRecordHeaderBytes) return torn_or("the record's header is cut off");
    FS_ASSIGN(const auto header, base::read_exact(fd, kRecordHeaderBytes, offset));
    const Record record{.height = base::read_u64(ByteView(header).subspan(8)),
                        .offset = offset,
                        .length = base::read_u32(ByteView(header).subspan(4))};
    if (base::read_u32(header) != kMagic) {
        if (all_zero(header)) return torn_or("zeros where a record should be");
        return damaged(file, offset, "no record begins here");
    }
    if (record.height != height)
        return damaged(file, offset, fmt::format("block {} where {} should be", record.height, height));
    if (record.length > kMaxRecordBytes) return damaged(file, offset, "the record's length is out of bounds");
    if (record.end() > size) return torn_or("the record is cut off");
    if (newest) {
        FS_ASSIGN(const auto payload, base::read_exact(fd, record.length, offset + kRecordHeaderBytes));
        if (!checksum_holds(header, payload)) {
            if (record.end() == size) return torn_or("the checksum does not hold");
            return damaged(file, offset, "the checksum does not hold");
        }
    }
    return Step{Step::Kind::kRecord, record};
}

/// The lowest level finds what a block says many times, and costs a few microseconds a transaction.
constexpr int kCompression = 1;

struct FreeCompressor {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

Bytes compress(ByteView payload) {
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
    FS_ASSERT(context != nullptr);
    Bytes out(ZSTD_compressBound(payload.size()));
    const auto size =
        ZSTD_compressCCtx(context.get(), out.data(), out.size(), payload.data(), payload.size(), kCompression);
    FS_ASSERT(ZSTD_isError(size) == 0);
    out.resize(size);
    return out;
}

/// Nothing if these are no compressed bytes, or of more than a record may have.
std::optional<Bytes> decompress(ByteView stored) {
    const auto size = ZSTD_getFrameContentSize(stored.data(), stored.size());
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > kMaxRecordBytes)
        return std::nullopt;
    Bytes out(static_cast<std::size_t>(size));
    const auto written = ZSTD_decompress(out.data(), out.size(), stored.data(), stored.size());
    if (ZSTD_isError(written) != 0 || written != out.size()) return std::nullopt;
    return out;
}

}  // namespace

std::string segment_name(std::uint64_t first_height) {
    return fmt::format("{:020}.blocks", first_height);
}

Bytes encode_record(std::uint64_t height, ByteView payload) {
    FS_ASSERT(payload.size() <= kMaxRecordBytes);
    const Bytes stored = compress(payload);
    Bytes out;
    out.reserve(kRecordHeaderBytes + stored.size());
    base::append_u32(out, kMagic);
    base::append_u32(out, static_cast<std::uint32_t>(stored.size()));
    base::append_u64(out, height);
    const auto hash = crypto::sha256_of({out, stored});
    append(out, ByteView(hash).first(kChecksumBytes));
    append(out, stored);
    return out;
}

Result<Bytes> read_record(const std::filesystem::path& file, int fd, const Record& record) {
    auto bytes = base::read_exact(fd, kRecordHeaderBytes + record.length, record.offset);
    if (!bytes) return damaged(file, record.offset, bytes.error().message);
    const auto header = ByteView(*bytes).first(kRecordHeaderBytes);
    if (base::read_u32(header) != kMagic || base::read_u64(header.subspan(8)) != record.height ||
        !checksum_holds(header, ByteView(*bytes).subspan(kRecordHeaderBytes)))
        return damaged(file, record.offset, "the checksum does not hold");
    auto payload = decompress(ByteView(*bytes).subspan(kRecordHeaderBytes));
    if (!payload) return damaged(file, record.offset, "the record cannot be decompressed");
    return std::move(*payload);
}

Result<Scan> scan_segment(const std::filesystem::path& file, int fd, std::uint64_t first_height, bool newest,
                          const std::function<void(const Record&)>& found) {
    FS_ASSIGN(const auto size, size_of(file, fd));
    Scan scan;
    for (std::uint64_t height = first_height; scan.end < size; ++height) {
        FS_ASSIGN(const auto next, step(file, fd, scan.end, size, height, newest));
        if (next.kind == Step::Kind::kTorn) {
            scan.torn = true;
            return scan;
        }
        found(next.record);
        scan.end = next.record.end();
    }
    return scan;
}

}  // namespace fairstream::ledger::blocks
