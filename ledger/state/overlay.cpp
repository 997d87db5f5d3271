#include "ledger/state/overlay.hpp"

#include "identity/crypto/hash.hpp"

namespace fairstream::ledger::state {

void Overlay::set(std::string_view key, std::optional<Bytes> value, Version version) {
    changes_.insert_or_assign(std::string(key), Pending{std::move(value), version});
}

const Overlay::Pending* Overlay::find(std::string_view key) const {
    const auto found = changes_.find(key);
    return found == changes_.end() ? nullptr : &found->second;
}

Result<std::optional<Entry>> Overlay::get(const Snapshot& below, std::string_view key) const {
    const Pending* const pending = find(key);
    if (pending == nullptr) return below.get(key);
    if (!pending->value) return std::optional<Entry>{};
    return std::optional<Entry>{{std::string(key), *pending->value, pending->version}};
}

std::uint32_t Overlay::limit_below(std::string_view start, std::string_view end, std::uint32_t limit) const {
    for (auto change = changes_.lower_bound(start); change != changes_.end(); ++change) {
        if (!end.empty() && change->first >= end) break;
        if (!change->second.value) ++limit;
    }
    return limit;
}

std::vector<Entry> Overlay::merge(std::vector<Entry> below, std::string_view start, std::string_view end,
                                  std::uint32_t limit) const {
    std::vector<Entry> out;
    auto entry = below.begin();
    auto change = changes_.lower_bound(start);
    const auto change_left = [&] { return change != changes_.end() && (end.empty() || change->first < end); };
    while (out.size() < limit && (entry != below.end() || change_left())) {
        if (!change_left() || (entry != below.end() && entry->key < change->first)) {
            out.push_back(std::move(*entry++));
            continue;
        }
        if (entry != below.end() && entry->key == change->first) ++entry;
        if (change->second.value) out.push_back({change->first, *change->second.value, change->second.version});
        ++change;
    }
    return out;
}

Result<std::vector<Entry>> Overlay::range(const Snapshot& below, std::string_view start, std::string_view end,
                                          std::uint32_t limit) const {
    FS_ASSIGN(auto entries, below.range(start, end, limit_below(start, end, limit)));
    return merge(std::move(entries), start, end, limit);
}

Hash range_hash(const std::vector<Entry>& entries) {
    identity::crypto::Hasher hasher;
    for (const auto& entry : entries) {
        Bytes block;
        Bytes index;
        base::append_u64(block, entry.version.block);
        base::append_u32(index, entry.version.index);
        hasher.update(base::lp(entry.key, block, index));
    }
    return hasher.finish();
}

}  // namespace fairstream::ledger::state
