#include "ledger/blocks/walk.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::blocks {

namespace fs = std::filesystem;

namespace {

/// "00000000000000000001.blocks" -> 1; 0 for other files.
std::uint64_t first_height_of(const fs::path& file) {
    if (file.extension() != ".blocks") return 0;
    const auto digits = file.stem().string();
    std::uint64_t height = 0;
    const auto* const end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, height).ptr != end || segment_name(height) != file.filename()) return 0;
    return height;
}

Result<std::vector<fs::path>> segments_in(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (first_height_of(entry.path()) > 0) files.push_back(entry.path());
    if (error) return fail("not_found", "cannot read " + folder.string() + ": " + error.message());
    std::ranges::sort(files);
    return files;
}

}  // namespace

Result<Walked> walk(const fs::path& folder,
                    const std::function<Status(std::uint64_t height, const proto::DecidedBlock& block)>& visit) {
    FS_ASSIGN(const auto files, segments_in(folder));
    Walked walked;
    for (const auto& file : files) {
        const auto first = first_height_of(file);
        if (walked.last > 0 && first != walked.last + 1)
            return fail("damaged",
                        fmt::format("{}: the segment before it ends at block {}", file.string(), walked.last));
        const base::FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        if (!fd) return fail("io_error", fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)));
        std::vector<Record> records;
        const bool newest = &file == &files.back();
        FS_ASSIGN(const auto scan, scan_segment(file, fd.get(), first, newest,
                                                [&](const Record& record) { records.push_back(record); }));
        for (const auto& record : records) {
            FS_ASSIGN(const auto payload, read_record(file, fd.get(), record));
            const auto block = proto::decode<proto::DecidedBlock>(payload);
            if (!block)
                return fail("damaged",
                            fmt::format("{} at byte {}: {}", file.string(), record.offset, block.error().message));
            FS_TRY(visit(record.height, *block));
            if (walked.first == 0) walked.first = record.height;
            walked.last = record.height;
        }
        walked.bytes += scan.end;
        walked.torn = scan.torn;
        ++walked.segments;
    }
    return walked;
}

}  // namespace fairstream::ledger::blocks
