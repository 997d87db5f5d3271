#include "mqtt_bridge/client/spool_chain.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace fairstream::mqtt_bridge::client {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kBatch = "batch-";
constexpr std::string_view kGone = "gone-";
constexpr const char* kPrevious = "previous";  // in a batch's folder: the manifest head before it

struct Name {
    std::uint64_t first = 0;
    std::uint32_t key_epoch = 0;
};

std::string to_text(const Name& name) {
    return std::string(kBatch) + std::to_string(name.first) + "-" + std::to_string(name.key_epoch);
}

/// Nothing for what is no batch's folder.
std::optional<Name> parse_name(const std::string& text) {
    if (!text.starts_with(kBatch)) return std::nullopt;
    Name name;
    const char* end = text.data() + text.size();
    const auto [dash, bad_first] = std::from_chars(text.data() + kBatch.size(), end, name.first);
    if (bad_first != std::errc() || dash == end || *dash != '-') return std::nullopt;
    const auto [rest, bad_epoch] = std::from_chars(dash + 1, end, name.key_epoch);
    if (bad_epoch != std::errc() || rest != end) return std::nullopt;
    return name;
}

}  // namespace

Result<SpoolChain> SpoolChain::open(const fs::path& folder, const Start& start) {
    SpoolChain chain;
    chain.folder_ = folder;
    chain.identity_ = start.identity;
    chain.keep_ = start.keep;
    FS_TRY(chain.load(folder, start));
    return chain;
}

Status SpoolChain::load(const fs::path& folder, const Start& start) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) return fail("io_error", folder.string() + ": cannot make the folder: " + error.message());
    std::map<std::uint64_t, Name> found;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        std::error_code ignored;
        if (name.starts_with(kGone)) fs::remove_all(entry.path(), ignored);
        if (const auto batch = parse_name(name)) found[batch->first] = *batch;
    }
    if (error) return fail("io_error", folder.string() + ": cannot be listed: " + error.message());
    if (found.empty()) return add(start.first_sequence, start.key_epoch, start.previous);
    for (const auto& [first, name] : found) {
        Hash previous = start.previous;
        if (!batches_.empty()) {
            const Spool& before = newest().spool;
            if (!before.closed() || before.next_sequence() != first)
                return fail("spool_damaged", folder.string() + ": its batches do not follow one another");
            previous = before.head();
        } else if (first != start.first_sequence) {
            FS_ASSIGN(const Bytes kept, base::read_file(folder / to_text(name) / kPrevious, previous.size()));
            if (kept.size() != previous.size()) return fail("spool_damaged", folder.string() + ": no manifest head");
            std::ranges::copy(kept, previous.begin());
        }
        FS_TRY(add(first, name.key_epoch, previous));
    }
    return {};
}

Status SpoolChain::add(std::uint64_t first, std::uint32_t key_epoch, const Hash& previous) {
    const fs::path path = folder_ / to_text({first, key_epoch});
    FS_ASSIGN(Spool spool, Spool::open(path, identity_, first, previous, keep_));
    std::error_code ignored;
    if (!fs::exists(path / kPrevious, ignored)) FS_TRY(base::write_file(path / kPrevious, previous, 0600));
    FS_TRY(base::sync_folder(folder_));
    batches_.push_back({key_epoch, path, std::move(spool)});
    return {};
}

Status SpoolChain::begin(std::uint32_t key_epoch) {
    const Spool& before = newest().spool;
    return add(before.next_sequence(), key_epoch, before.head());
}

Status SpoolChain::forget(std::uint64_t last) {
    const auto found = std::ranges::find_if(
        batches_, [&](const Batch& batch) { return batch.spool.closed() && batch.spool.next_sequence() == last + 1; });
    if (found == batches_.end())
        return fail("unknown_batch", "no closed batch of this spool ends at " + std::to_string(last));
    while (batches_.size() > 1 && batches_.front().spool.next_sequence() <= last + 1) {
        const fs::path path = batches_.front().folder;
        const fs::path gone = folder_ / (std::string(kGone) + path.filename().string());
        batches_.pop_front();
        std::error_code error;
        fs::rename(path, gone, error);  // at once, so that no half of it is found after a crash
        if (!error) fs::remove_all(gone, error);
        if (error) return fail("io_error", path.string() + ": cannot be removed: " + error.message());
    }
    return {};
}

void SpoolChain::stored(std::uint64_t through) {
    for (Batch& batch : batches_)
        if (batch.spool.first_sequence() <= through) batch.spool.stored(through);
}

std::uint64_t SpoolChain::stored_through() const {
    for (const Batch& batch : batches_) {
        const std::size_t unstored = batch.spool.first_unstored();
        if (unstored < batch.spool.entries().size()) return batch.spool.entries()[unstored].first - 1;
    }
    return newest().spool.next_sequence() - 1;
}

std::size_t SpoolChain::waiting_bytes() const {
    std::size_t all = 0;
    for (const Batch& batch : batches_) all += batch.spool.waiting_bytes();
    return all;
}

std::uint64_t SpoolChain::last_time_us() const {
    std::uint64_t latest = 0;
    for (const Batch& batch : batches_) latest = std::max(latest, batch.spool.last_time_us());
    return latest;
}

SpoolChain::Place SpoolChain::ending_at(std::uint64_t sequence) const {
    for (const Batch& batch : batches_) {
        const auto& entries = batch.spool.entries();
        if (entries.empty() || entries.back().last < sequence) continue;
        const auto found = std::ranges::lower_bound(entries, sequence, {}, &Spool::Entry::last);
        return found->last == sequence ? Place{&batch.spool, &*found} : Place{};
    }
    return {};
}

SpoolChain::Place SpoolChain::beginning_at(std::uint64_t sequence) const {
    for (const Batch& batch : batches_) {
        const auto& entries = batch.spool.entries();
        if (entries.empty() || entries.back().first < sequence) continue;
        const auto found = std::ranges::lower_bound(entries, sequence, {}, &Spool::Entry::first);
        return found->first == sequence ? Place{&batch.spool, &*found} : Place{};
    }
    return {};
}

}  // namespace fairstream::mqtt_bridge::client
