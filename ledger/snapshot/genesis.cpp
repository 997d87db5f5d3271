#include "ledger/snapshot/genesis.hpp"

#include "ledger/contract/keys.hpp"

namespace fairstream::ledger::snapshot {

namespace {

/// Rows that lie nowhere: made one after the other.
class GenesisRows final : public state::Rows {
public:
    GenesisRows(std::uint64_t count, const std::function<GenesisEntry(std::uint64_t)>& entry)
        : count_(count), entry_(entry) {}

    std::uint64_t height() const override { return 0; }

    Status scan(const Each& each) const override {
        std::string last;
        for (std::uint64_t i = 0; i < count_; ++i) {
            const auto entry = entry_(i);
            FS_TRY(contract::check_key(entry.key));
            const auto [key, value] =
                state::make_row(contract::full_key(entry.contract, entry.key), entry.value, {.block = 0, .index = 0});
            if (key <= last)
                return fail("out_of_order", "genesis keys do not rise at " + contract::printable(entry.key));
            last = key;
            if (!each(key, value)) break;
        }
        return {};
    }

private:
    std::uint64_t count_;
    const std::function<GenesisEntry(std::uint64_t)>& entry_;
};

}  // namespace

Result<Kept> write_genesis(const std::filesystem::path& folder, const std::string& channel, std::uint64_t count,
                           const std::function<GenesisEntry(std::uint64_t)>& entry) {
    FS_ASSIGN(const auto store, SnapshotStore::open(folder));
    return store->write(GenesisRows(count, entry), channel, {});
}

}  // namespace fairstream::ledger::snapshot
