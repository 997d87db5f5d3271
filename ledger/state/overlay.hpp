#pragma once

#include <map>
#include <string>

#include "ledger/state/state.hpp"

namespace fairstream::ledger::state {

/// Changes that are not committed yet, over a snapshot: what earlier transactions of a block wrote (the validator), or
/// what this transaction wrote (the simulation).
class Overlay {
public:
    struct Pending {
        std::optional<Bytes> value;  // nothing: removed
        Version version;
    };
    using Changes = std::map<std::string, Pending, std::less<>>;

    void set(std::string_view key, std::optional<Bytes> value, Version version);
    /// Nothing if `key` was not changed here.
    const Pending* find(std::string_view key) const;
    const Changes& changes() const { return changes_; }

    Result<std::optional<Entry>> get(const Snapshot& below, std::string_view key) const;

    /// How many entries of the snapshot `merge` needs to find `limit`: those removed here come on top.
    std::uint32_t limit_below(std::string_view start, std::string_view end, std::uint32_t limit) const;
    /// The first `limit` entries in [start, end), from limit_below() entries of the snapshot and the changes here.
    std::vector<Entry> merge(std::vector<Entry> below, std::string_view start, std::string_view end,
                             std::uint32_t limit) const;
    Result<std::vector<Entry>> range(const Snapshot& below, std::string_view start, std::string_view end,
                                     std::uint32_t limit) const;

private:
    Changes changes_;
};

/// What a RangeRead's hash is over: lp(key, u64 block, u32 index) of each entry.
Hash range_hash(const std::vector<Entry>& entries);

}  // namespace fairstream::ledger::state
