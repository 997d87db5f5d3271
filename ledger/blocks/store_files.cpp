#include "ledger/blocks/store_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/file.hpp"

namespace fairstream::ledger::blocks {

namespace fs = std::filesystem;
namespace crypto = identity::crypto;

namespace {

constexpr std::string_view kIndexMagic = "FSBINDX1";
constexpr std::string_view kBaseMagic = "FSBBASE1";
constexpr std::string_view kBaseName = "base";
constexpr std::size_t kChecksumBytes = 16;
constexpr std::size_t kMaxBaseBytes = 64u << 10;
constexpr std::size_t kMaxIndexBytes = 64u << 20;

Bytes sealed(Bytes contents) {
    const auto hash = crypto::sha256(contents);
    append(contents, ByteView(hash).first(kChecksumBytes));
    return contents;
}

/// What sealed() was given, without the magic. Nothing if it is not whole.
std::optional<Bytes> unsealed(Bytes file, std::string_view magic) {
    if (file.size() < magic.size() + kChecksumBytes) return std::nullopt;
    const auto contents = ByteView(file).first(file.size() - kChecksumBytes);
    const auto hash = crypto::sha256(contents);
    if (!std::equal(hash.begin(), hash.begin() + kChecksumBytes, contents.end())) return std::nullopt;
    if (as_text(contents.first(magic.size())) != magic) return std::nullopt;
    return to_bytes(contents.subspan(magic.size()));
}

/// The height in "<20 digits><suffix>", or nothing.
std::optional<std::uint64_t> height_in(const std::string& name) {
    std::uint64_t first = 0;
    for (const char c : name.substr(0, 20))
        if (c >= '0' && c <= '9') first = first * 10 + static_cast<std::uint64_t>(c - '0');
    if (name == segment_name(first) || name == index_name(first)) return first;
    return std::nullopt;
}

}  // namespace

std::string index_name(std::uint64_t first_height) {
    return fmt::format("{:020}.index", first_height);
}

Status write_index(const fs::path& folder, std::uint64_t first_height, const Index& index) {
    Bytes contents = to_bytes(kIndexMagic);
    base::append_u64(contents, index.end);
    for (const auto offset : index.offsets) base::append_u32(contents, offset);
    return base::write_file(folder / index_name(first_height), sealed(std::move(contents)));
}

std::optional<Index> read_index(const fs::path& folder, std::uint64_t first_height, std::uint64_t segment_bytes) {
    auto file = base::read_file(folder / index_name(first_height), kMaxIndexBytes);
    if (!file) return std::nullopt;
    const auto contents = unsealed(std::move(*file), kIndexMagic);
    if (!contents || contents->size() < 8 || contents->size() % 4 != 0) return std::nullopt;
    Index index;
    index.end = base::read_u64(*contents);
    if (index.end != segment_bytes) return std::nullopt;
    for (auto rest = ByteView(*contents).subspan(8); !rest.empty(); rest = rest.subspan(4))
        index.offsets.push_back(base::read_u32(rest));
    return index;
}

Status write_base(const fs::path& folder, const BlockStore::Base& base) {
    Bytes contents = to_bytes(kBaseMagic);
    base::append_u64(contents, base.height);
    append(contents, as_bytes(base.header));
    return base::write_file(folder / kBaseName, sealed(std::move(contents)));
}

Result<BlockStore::Base> read_base(const fs::path& folder) {
    auto file = base::read_file(folder / kBaseName, kMaxBaseBytes);
    if (!file && file.error().code == "not_found") return BlockStore::Base{};
    if (!file) return fail(std::move(file).error());
    const auto contents = unsealed(std::move(*file), kBaseMagic);
    if (!contents || contents->size() < 8)
        return fail("damaged", (folder / kBaseName).string() + ": the marker of pruned blocks is not whole");
    return BlockStore::Base{.height = base::read_u64(*contents),
                            .header = base::to_string(ByteView(*contents).subspan(8))};
}

Result<std::vector<std::uint64_t>> list_segments(const fs::path& folder) {
    std::vector<std::uint64_t> out;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name == kBaseName) continue;
        if (name.find(".tmp.") != std::string::npos) {  // a crash within base::write_file
            fs::remove(entry->path(), error);
            continue;
        }
        const auto height = height_in(name);
        if (!height) return fail("damaged", entry->path().string() + ": not a block segment's name");
        if (name == segment_name(*height)) out.push_back(*height);
    }
    if (error) return fail("io_error", "cannot list " + folder.string() + ": " + error.message());
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace fairstream::ledger::blocks
