#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "ledger/snapshot/format.hpp"
#include "ledger/state/state.hpp"

namespace fairstream::ledger::snapshot {

/// A snapshot that lies here whole.
struct Kept {
    std::uint64_t height = 0;
    Hash name{};
    Bytes manifest;  // SnapshotManifest
};

/// The snapshots of one node, a folder each: `manifest` and `<index>.chunk`, named by the height. One that is being
/// written or fetched lies in a folder of another name until it is whole and durable, so a crash leaves a snapshot or
/// none. Thread-safe.
class SnapshotStore {
public:
    /// Removes what a crash left half-written. Errors: io_error, damaged (a manifest that does not parse).
    static Result<std::unique_ptr<SnapshotStore>> open(std::filesystem::path folder);

    /// Lowest height first.
    std::vector<Kept> all() const;
    std::optional<Kept> find(const Hash& name) const;

    /// Writes the snapshot of `rows`, durably. `header`: of the block at that height; empty at height 0. Takes as long
    /// as reading the whole state. Errors: io_error, too_large, cancelled, and the state's.
    Result<Kept> write(const state::Rows& rows, const std::string& channel, std::string_view header,
                       const std::atomic<bool>* cancel = nullptr);

    /// One chunk, its hash verified. Errors: not_found (no such snapshot or chunk), damaged (names the file).
    Result<Bytes> chunk(const Hash& name, std::uint32_t index) const;
    /// Replaces what `to` holds by this snapshot; its private stores' values will be missing in `private_store`. May be
    /// repeated after a crash. Errors: damaged, and the stores'.
    Status install(const Kept& snapshot, state::StateStore& to, state::PrivateStore& private_store) const;

    /// Removes all but the newest `count`, and never those of `keep_from` or above.
    Status retain(std::size_t count, std::uint64_t keep_from);

    // ---- Fetching one from elsewhere: chunks in any order, resumed after a restart.

    /// What was begun before and is not whole yet.
    std::optional<Kept> begun() const;
    /// Begins to fetch, or goes on where it stopped; another one that was begun is dropped. Error: io_error.
    Status begin(const Kept& snapshot);
    /// Chunks that are not here yet.
    std::vector<std::uint32_t> lacking() const;
    /// Keeps a chunk of the one begun, durably. Errors: wrong_chunk (its bytes are not those that the manifest names),
    /// io_error.
    Status put(std::uint32_t index, ByteView bytes);
    /// All chunks are here: from now on it is one of all(). Errors: io_error.
    Result<Kept> complete();

private:
    explicit SnapshotStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
    Status load();
    std::filesystem::path place(std::uint64_t height) const;
    Result<Kept> write_into(const std::filesystem::path& folder, const state::Rows& rows, const std::string& channel,
                            std::string_view header, const std::atomic<bool>* cancel);
    Result<Kept> keep(Kept snapshot, const std::filesystem::path& from);
    Status load_begun(const std::filesystem::path& folder);

    const std::filesystem::path folder_;
    mutable std::mutex mutex_;
    std::vector<Kept> kept_;
    std::optional<Kept> begun_;
    proto::SnapshotManifest begun_manifest_;
    std::vector<bool> here_;  // which chunks of begun_
};

}  // namespace fairstream::ledger::snapshot
