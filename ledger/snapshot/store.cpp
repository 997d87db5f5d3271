#include "ledger/snapshot/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/assert.hpp"
#include "base/crash_point.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::snapshot {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kManifest = "manifest";
constexpr std::string_view kWriting = ".writing";
constexpr std::string_view kFetching = ".fetching";

fs::path chunk_file(const fs::path& folder, std::uint32_t index) {
    return folder / fmt::format("{:06}.chunk", index);
}

Status make_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail("io_error", "cannot make " + folder.string() + ": " + error.message());
    return {};
}

Status remove_folder(const fs::path& folder) {
    std::error_code error;
    fs::remove_all(folder, error);
    if (error) return fail("io_error", "cannot remove " + folder.string() + ": " + error.message());
    return {};
}

Result<Kept> read_manifest(const fs::path& folder) {
    FS_ASSIGN(auto bytes, base::read_file(folder / kManifest, kMaxManifestBytes));
    FS_ASSIGN(const auto manifest, parse_manifest(bytes));
    return Kept{.height = manifest.height(), .name = name_of(bytes), .manifest = std::move(bytes)};
}

bool hash_matches(const proto::SnapshotManifest& manifest, std::uint32_t index, ByteView bytes) {
    return as_text(identity::crypto::sha256(bytes)) == manifest.chunks(static_cast<int>(index));
}

Result<Bytes> read_chunk_file(const fs::path& folder, const proto::SnapshotManifest& manifest, std::uint32_t index) {
    const auto file = chunk_file(folder, index);
    FS_ASSIGN(auto bytes, base::read_file(file, kMaxChunkBytes));
    if (!hash_matches(manifest, index, bytes))
        return fail("damaged", file.string() + ": its bytes are not those that the snapshot's manifest names");
    return bytes;
}

}  // namespace

Result<std::unique_ptr<SnapshotStore>> SnapshotStore::open(fs::path folder) {
    FS_TRY(make_folder(folder));
    auto store = std::unique_ptr<SnapshotStore>(new SnapshotStore(std::move(folder)));
    FS_TRY(store->load());
    return store;
}

Status SnapshotStore::load() {
    std::error_code error;
    std::vector<fs::path> found;
    for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error))
        found.push_back(entry->path());
    if (error) return fail("io_error", "cannot list " + folder_.string() + ": " + error.message());
    for (const auto& path : found) {
        if (path.extension() == kWriting) {
            FS_TRY(remove_folder(path));
        } else if (path.extension() == kFetching) {
            if (auto loaded = load_begun(path); !loaded) FS_TRY(remove_folder(path));  // begun, and no more
        } else {
            auto kept = read_manifest(path);
            if (!kept) return fail("damaged", path.string() + ": " + kept.error().message);
            if (path != place(kept->height)) return fail("damaged", path.string() + ": not the name of its height");
            kept_.push_back(std::move(*kept));
        }
    }
    std::ranges::sort(kept_, {}, &Kept::height);
    return {};
}

Status SnapshotStore::load_begun(const fs::path& folder) {
    FS_ASSIGN(auto kept, read_manifest(folder));
    FS_ASSIGN(begun_manifest_, parse_manifest(kept.manifest));
    here_.assign(static_cast<std::size_t>(begun_manifest_.chunks_size()), false);
    std::size_t have = 0;
    for (std::uint32_t i = 0; i < here_.size(); ++i) {
        here_[i] = read_chunk_file(folder, begun_manifest_, i).has_value();
        have += here_[i] ? 1 : 0;
    }
    base::log_info("the snapshot of height {} is here in part: {} of {} chunks", kept.height, have, here_.size());
    begun_ = std::move(kept);
    return {};
}

fs::path SnapshotStore::place(std::uint64_t height) const {
    return folder_ / fmt::format("{:020}", height);
}

std::vector<Kept> SnapshotStore::all() const {
    const std::lock_guard lock(mutex_);
    return kept_;
}

std::optional<Kept> SnapshotStore::find(const Hash& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(kept_, name, &Kept::name);
    return found == kept_.end() ? std::nullopt : std::optional(*found);
}

Result<Kept> SnapshotStore::keep(Kept snapshot, const fs::path& from) {
    base::crash_point("snapshot.before_rename");
    FS_TRY(base::sync_folder(from));
    const auto to = place(snapshot.height);
    FS_TRY(remove_folder(to));
    std::error_code error;
    fs::rename(from, to, error);
    if (error) return fail("io_error", "cannot rename " + from.string() + ": " + error.message());
    base::crash_point("snapshot.after_rename");
    FS_TRY(base::sync_folder(folder_));
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [&](const Kept& old) { return old.height == snapshot.height; });
    kept_.push_back(snapshot);
    std::ranges::sort(kept_, {}, &Kept::height);
    return snapshot;
}

Result<Kept> SnapshotStore::write(const state::Rows& rows, const std::string& channel, std::string_view header,
                                  const std::atomic<bool>* cancel) {
    const fs::path folder = place(rows.height()).string() + std::string(kWriting);
    FS_TRY(remove_folder(folder));
    auto made = write_into(folder, rows, channel, header, cancel);
    if (!made) FS_TRY(remove_folder(folder));  // a full disk needs the room
    return made;
}

Result<Kept> SnapshotStore::write_into(const fs::path& folder, const state::Rows& rows, const std::string& channel,
                                       std::string_view header, const std::atomic<bool>* cancel) {
    FS_TRY(make_folder(folder));
    ChunkWriter chunks([&](std::uint32_t index, ByteView chunk) {
        base::crash_point("snapshot.before_chunk");
        return base::write_file(chunk_file(folder, index), chunk);
    });
    Status status;
    FS_TRY(rows.scan([&](std::string_view key, std::string_view value) {
        status = cancel != nullptr && *cancel ? Status(fail("cancelled", "this node stops")) : chunks.add(key, value);
        return status.has_value();
    }));
    if (!status) return fail(std::move(status).error());
    FS_ASSIGN(auto manifest, chunks.finish());
    manifest.set_channel(channel);
    manifest.set_height(rows.height());
    manifest.set_header(std::string(header));
    Kept made{.height = rows.height(), .name = {}, .manifest = proto::encode(manifest)};
    made.name = name_of(made.manifest);
    base::crash_point("snapshot.before_manifest");
    FS_TRY(base::write_file(folder / kManifest, made.manifest));
    return keep(std::move(made), folder);
}

Result<Bytes> SnapshotStore::chunk(const Hash& name, std::uint32_t index) const {
    const auto snapshot = find(name);
    if (!snapshot) return fail("not_found", "no such snapshot is kept here");
    FS_ASSIGN(const auto manifest, parse_manifest(snapshot->manifest));
    if (index >= static_cast<std::uint32_t>(manifest.chunks_size()))
        return fail("not_found", fmt::format("this snapshot has {} chunks", manifest.chunks_size()));
    return read_chunk_file(place(snapshot->height), manifest, index);
}

Status SnapshotStore::install(const Kept& snapshot, state::StateStore& to, state::PrivateStore& private_store) const {
    FS_ASSIGN(const auto manifest, parse_manifest(snapshot.manifest));
    FS_ASSIGN(const auto loader, to.loader());
    std::uint64_t rows = 0;
    std::vector<proto::PrivateWrite> hidden;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(manifest.chunks_size()); ++i) {
        base::crash_point("snapshot.installing");
        FS_ASSIGN(const auto bytes, read_chunk_file(place(snapshot.height), manifest, i));
        FS_TRY(read_chunk(bytes, [&](std::string_view key, std::string_view value) {
            ++rows;
            if (auto write = state::private_write_in(key, value)) hidden.push_back(std::move(*write));
            return loader->add(key, value);
        }));
        FS_TRY(private_store.expect(hidden));
        hidden.clear();
    }
    if (rows != manifest.rows()) return fail("damaged", "a snapshot has not the rows that its manifest names");
    base::crash_point("snapshot.before_load");
    FS_TRY(loader->finish());
    base::crash_point("snapshot.after_load");
    if (to.height() != snapshot.height)
        return fail("damaged",
                    fmt::format("the snapshot of height {} holds a state of height {}", snapshot.height, to.height()));
    return {};
}

Status SnapshotStore::retain(std::size_t count, std::uint64_t keep_from) {
    std::vector<Kept> old;
    {
        const std::lock_guard lock(mutex_);
        while (kept_.size() > count && kept_.front().height < keep_from) {
            old.push_back(std::move(kept_.front()));
            kept_.erase(kept_.begin());
        }
    }
    for (const auto& snapshot : old) {
        // The manifest goes first: what a crash leaves of the folder must not pass for a snapshot.
        const fs::path gone = place(snapshot.height).string() + std::string(kWriting);
        std::error_code error;
        fs::rename(place(snapshot.height), gone, error);
        if (error) return fail("io_error", "cannot rename " + gone.string() + ": " + error.message());
        FS_TRY(remove_folder(gone));
    }
    return {};
}

std::optional<Kept> SnapshotStore::begun() const {
    const std::lock_guard lock(mutex_);
    return begun_;
}

Status SnapshotStore::begin(const Kept& snapshot) {
    const auto fetching = [&](std::uint64_t height) {
        return fs::path(place(height).string() + std::string(kFetching));
    };
    const std::lock_guard lock(mutex_);
    if (begun_ && begun_->name == snapshot.name) return {};
    if (begun_) FS_TRY(remove_folder(fetching(begun_->height)));
    begun_.reset();
    FS_ASSIGN(begun_manifest_, parse_manifest(snapshot.manifest));
    const auto folder = fetching(snapshot.height);
    FS_TRY(remove_folder(folder));
    FS_TRY(make_folder(folder));
    FS_TRY(base::write_file(folder / kManifest, snapshot.manifest));
    here_.assign(static_cast<std::size_t>(begun_manifest_.chunks_size()), false);
    begun_ = snapshot;
    return {};
}

std::vector<std::uint32_t> SnapshotStore::lacking() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::uint32_t> out;
    for (std::uint32_t i = 0; begun_ && i < here_.size(); ++i)
        if (!here_[i]) out.push_back(i);
    return out;
}

Status SnapshotStore::put(std::uint32_t index, ByteView bytes) {
    const std::lock_guard lock(mutex_);
    FS_ASSERT(begun_ && index < here_.size());
    if (!hash_matches(begun_manifest_, index, bytes))
        return fail("wrong_chunk", fmt::format("chunk {} of the snapshot of height {} is not what its manifest names",
                                               index, begun_->height));
    base::crash_point("snapshot.before_put");
    FS_TRY(base::write_file(chunk_file(place(begun_->height).string() + std::string(kFetching), index), bytes));
    here_[index] = true;
    return {};
}

Result<Kept> SnapshotStore::complete() {
    Kept whole;
    {
        const std::lock_guard lock(mutex_);
        FS_ASSERT(begun_ && std::ranges::all_of(here_, [](bool here) { return here; }));
        whole = *begun_;
        begun_.reset();
    }
    return keep(whole, place(whole.height).string() + std::string(kFetching));
}

}  // namespace fairstream::ledger::snapshot
