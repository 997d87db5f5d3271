#include <chrono>
#include <map>
#include <mutex>
#include <span>

#include "ledger/contract/limits.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"
#include "ledger/state/table.hpp"

/// Rows of the private store: one letter, then the key.
///     v<public key>             PrivateEntry: committed
///     w<public key>             salted hash of a committed write whose value this node lacks
///     g<id><public key>         PrivateEntry: staged under a transaction
///     a<u64 time><id>           when a transaction was staged
namespace fairstream::ledger::state {

namespace {

constexpr std::chrono::minutes kStagedFor{10};
constexpr std::size_t kSweepAtOnce = 64;
constexpr std::uint64_t kMaxStagedBytes = 256u << 20;

std::string row_key(char kind, std::string_view a, std::string_view b = {}) {
    std::string out(1, kind);
    out += a;
    out += b;
    return out;
}

std::string next_prefix(std::string prefix) {
    while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
    if (!prefix.empty()) ++prefix.back();
    return prefix;
}

std::string time_text(std::uint64_t us) {
    Bytes bytes;
    base::append_u64(bytes, us);
    return std::string(as_text(bytes));
}

bool matches(const proto::PrivateEntry& entry, const proto::PrivateWrite& write) {
    const Hash hash = private_hash(as_bytes(entry.salt()), as_bytes(entry.key()), as_bytes(entry.value()));
    return entry.key() == write.key() && as_text(hash) == write.salted_hash();
}

Result<proto::PrivateEntry> parse_entry(std::string_view row) {
    auto entry = proto::decode<proto::PrivateEntry>(as_bytes(row));
    if (!entry) return fail("damaged", "private store: an entry does not parse");
    return std::move(*entry);
}

class TablePrivate final : public PrivateStore {
public:
    TablePrivate(std::unique_ptr<Table> table, std::uint64_t staged_bytes)
        : table_(std::move(table)), staged_bytes_(staged_bytes) {}

    Status stage(const Hash& transaction, std::vector<proto::PrivateEntry> entries, base::TimePoint now) override {
        const std::lock_guard lock(mutex_);
        FS_TRY(sweep(now));
        if (entries.empty()) return {};
        FS_ASSIGN(const auto before, staged(transaction));
        if (!before.empty()) return {};  // the same transaction, endorsed again: the same entries
        std::vector<Table::Change> changes;
        std::uint64_t added = 0;
        for (const auto& entry : entries) {
            std::string value = entry.SerializeAsString();
            added += value.size();
            changes.push_back({row_key('g', as_text(transaction), entry.key()), std::move(value)});
        }
        if (staged_bytes_ + added > kMaxStagedBytes)
            return fail("busy", "too many private inputs wait for their transactions; try again in some minutes");
        changes.push_back({row_key('a', time_text(base::to_us(now)), as_text(transaction)), std::string{}});
        FS_TRY(table_->write(changes, Table::Durability::kProcess));
        staged_bytes_ += added;
        return {};
    }

    Result<std::vector<proto::PrivateWrite>> commit(const Hash& transaction,
                                                    std::span<const proto::PrivateWrite> writes) override {
        const std::lock_guard lock(mutex_);
        FS_ASSIGN(const auto rows, staged(transaction));
        std::vector<proto::PrivateWrite> lacking;
        std::vector<Table::Change> changes;
        for (const auto& write : writes) {
            FS_ASSIGN(const auto entry, find(transaction, write));
            if (entry) {
                changes.push_back({row_key('v', write.key()), entry->SerializeAsString()});
                changes.push_back({row_key('w', write.key()), std::nullopt});
            } else {
                changes.push_back({row_key('w', write.key()), write.salted_hash()});
                lacking.push_back(write);
            }
        }
        std::uint64_t removed = 0;
        for (const auto& [key, value] : rows) {
            removed += value.size();
            changes.push_back({key, std::nullopt});
        }
        if (changes.empty()) return lacking;
        FS_TRY(table_->write(changes, writes.empty() ? Table::Durability::kProcess : Table::Durability::kDisk));
        staged_bytes_ -= removed;
        return lacking;
    }

    Status accept(const proto::PrivateWrite& write, const proto::PrivateEntry& entry) override {
        const std::lock_guard lock(mutex_);
        if (!matches(entry, write))
            return fail("hash_mismatch", "a private value does not hash to what the ledger has under its key");
        FS_ASSIGN(const auto wanted, table_->view()->get(row_key('w', write.key())));
        if (wanted && *wanted != write.salted_hash())
            return fail("hash_mismatch", "a private value is older than what the ledger has under its key");
        if (!wanted) return {};  // it came another way
        return table_->write(
            {{row_key('v', write.key()), entry.SerializeAsString()}, {row_key('w', write.key()), std::nullopt}},
            Table::Durability::kDisk);
    }

    Result<std::optional<proto::PrivateEntry>> get(std::string_view key) const override {
        FS_ASSIGN(const auto row, table_->view()->get(row_key('v', key)));
        if (!row) return std::optional<proto::PrivateEntry>{};
        FS_ASSIGN(auto entry, parse_entry(*row));
        return std::optional<proto::PrivateEntry>{std::move(entry)};
    }

    Status purge(std::string_view key) override {
        const std::lock_guard lock(mutex_);
        return table_->erase_for_good({row_key('v', key), row_key('w', key)});
    }

    Status expect(std::span<const proto::PrivateWrite> writes) override {
        const std::lock_guard lock(mutex_);
        const auto view = table_->view();
        std::vector<Table::Change> changes;
        for (const auto& write : writes) {
            FS_ASSIGN(const auto row, view->get(row_key('v', write.key())));
            if (row) {
                FS_ASSIGN(const auto entry, parse_entry(*row));
                if (matches(entry, write)) continue;
            }
            changes.push_back({row_key('w', write.key()), write.salted_hash()});
        }
        return changes.empty() ? Status{} : table_->write(changes, Table::Durability::kDisk);
    }

    Result<std::vector<proto::PrivateWrite>> missing(std::size_t limit) const override {
        FS_ASSIGN(const auto rows, table_->view()->range("w", "x", limit));
        std::vector<proto::PrivateWrite> out;
        for (const auto& [key, hash] : rows) {
            auto& write = out.emplace_back();
            write.set_key(key.substr(1));
            write.set_salted_hash(hash);
        }
        return out;
    }

private:
    Result<std::vector<TableView::Row>> staged(const Hash& transaction) const {
        const std::string prefix = row_key('g', as_text(transaction));
        return table_->view()->range(prefix, next_prefix(prefix), contract::kMaxPrivateWrites);
    }

    /// The value of `write`: staged under its transaction, or committed already (the block is applied a second time).
    Result<std::optional<proto::PrivateEntry>> find(const Hash& transaction, const proto::PrivateWrite& write) const {
        const auto view = table_->view();
        for (const auto& key : {row_key('g', as_text(transaction), write.key()), row_key('v', write.key())}) {
            FS_ASSIGN(const auto row, view->get(key));
            if (!row) continue;
            FS_ASSIGN(auto entry, parse_entry(*row));
            if (matches(entry, write)) return std::optional<proto::PrivateEntry>{std::move(entry)};
        }
        return std::optional<proto::PrivateEntry>{};
    }

    /// Drops what transactions staged that did not commit in time; a few at a time.
    Status sweep(base::TimePoint now) {
        const auto cutoff = base::to_us(now - kStagedFor);
        FS_ASSIGN(const auto old, table_->view()->range("a", row_key('a', time_text(cutoff)), kSweepAtOnce));
        if (old.empty()) return {};
        std::vector<Table::Change> changes;
        std::uint64_t removed = 0;
        for (const auto& [key, unused] : old) {
            changes.push_back({key, std::nullopt});
            FS_ASSIGN(const auto id, identity::crypto::to_hash(as_bytes(std::string_view(key).substr(1 + 8))));
            FS_ASSIGN(const auto rows, staged(id));
            for (const auto& [row, value] : rows) {
                removed += value.size();
                changes.push_back({row, std::nullopt});
            }
        }
        FS_TRY(table_->write(changes, Table::Durability::kProcess));
        staged_bytes_ -= removed;
        return {};
    }

    std::unique_ptr<Table> table_;
    std::mutex mutex_;                // writers
    std::uint64_t staged_bytes_ = 0;  // of all 'g' rows' values
};

Result<std::uint64_t> count_staged(const TableView& view) {
    std::uint64_t bytes = 0;
    std::string from = "g";
    while (true) {
        FS_ASSIGN(const auto rows, view.range(from, "h", 64));
        if (rows.empty()) return bytes;
        for (const auto& [key, value] : rows) bytes += value.size();
        from = rows.back().first + '\0';
    }
}

}  // namespace

Hash private_hash(ByteView salt, ByteView key, ByteView value) {
    return identity::crypto::sha256(base::lp(salt, key, value));
}

Result<std::unique_ptr<PrivateStore>> PrivateStore::open(const std::filesystem::path& folder) {
    FS_ASSIGN(auto table, rocks_table(folder));
    FS_ASSIGN(const auto staged_bytes, count_staged(*table->view()));
    return std::make_unique<TablePrivate>(std::move(table), staged_bytes);
}

std::unique_ptr<PrivateStore> memory_private() {
    return std::make_unique<TablePrivate>(memory_table(), /*staged_bytes=*/0);
}

}  // namespace fairstream::ledger::state
