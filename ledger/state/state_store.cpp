#include <algorithm>
#include <atomic>

#include "base/assert.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/memory_state.hpp"
#include "ledger/state/table.hpp"

/// Rows of the state: one letter, then the key.
///     s<full key>      u64 block, u32 index, value
///     t<id>            u64 block, u32 index, Outcome
///     b<u64 height>    block hash
///     o<u64 height>    lp(u32 index, Outcome) of each transaction of the block that used up no id; absent if none
///     h                u64 height
namespace fairstream::ledger::state {

namespace {

constexpr char kStateRow = 's';
constexpr char kTransactionRow = 't';
constexpr char kBlockRow = 'b';
constexpr char kOutcomesRow = 'o';
constexpr std::string_view kHeightRow = "h";
constexpr std::size_t kVersionBytes = 12;

std::string row_key(char kind, std::string_view key) {
    std::string out(1, kind);
    out += key;
    return out;
}

std::string height_key(char kind, std::uint64_t height) {
    Bytes bytes;
    base::append_u64(bytes, height);
    return row_key(kind, as_text(bytes));
}

tl::unexpected<Error> damaged(std::string_view what) {
    return fail("damaged", "state: the record of " + std::string(what) + " does not parse");
}

std::string versioned(const Version& version, ByteView value) {
    Bytes out;
    out.reserve(kVersionBytes + value.size());
    base::append_u64(out, version.block);
    base::append_u32(out, version.index);
    append(out, value);
    return std::string(as_text(out));
}

Result<std::pair<Version, ByteView>> split(std::string_view row, std::string_view what) {
    if (row.size() < kVersionBytes) return damaged(what);
    const ByteView bytes = as_bytes(row);
    const Version version{.block = base::read_u64(bytes), .index = base::read_u32(bytes.subspan(8))};
    return std::pair{version, bytes.subspan(kVersionBytes)};
}

std::string write_outcomes(const OtherOutcomes& outcomes) {
    base::LengthPrefixed out;
    for (const auto& [index, outcome] : outcomes) {
        Bytes position;
        base::append_u32(position, index);
        out.add(position).add(proto::encode(outcome));
    }
    return std::string(as_text(out.bytes()));
}

Result<OtherOutcomes> parse_outcomes(ByteView row) {
    OtherOutcomes out;
    const auto next = [&](ByteView& part) {
        if (row.size() < 4 || row.size() - 4 < base::read_u32(row)) return false;
        part = row.subspan(4, base::read_u32(row));
        row = row.subspan(4 + part.size());
        return true;
    };
    while (!row.empty()) {
        ByteView position;
        ByteView bytes;
        if (!next(position) || !next(bytes) || position.size() != 4) return damaged("a block's outcomes");
        auto outcome = proto::decode<proto::Outcome>(bytes);
        if (!outcome) return damaged("a block's outcomes");
        out.emplace(base::read_u32(position), std::move(*outcome));
    }
    return out;
}

class TableSnapshot final : public Snapshot {
public:
    TableSnapshot(std::unique_ptr<TableView> view, std::uint64_t height) : view_(std::move(view)), height_(height) {}

    std::uint64_t height() const override { return height_; }

    Result<std::optional<Entry>> get(std::string_view key) const override {
        FS_ASSIGN(const auto row, view_->get(row_key(kStateRow, key)));
        if (!row) return std::optional<Entry>{};
        FS_ASSIGN(const auto parts, split(*row, "a key"));
        return std::optional<Entry>{{std::string(key), to_bytes(parts.second), parts.first}};
    }

    Result<std::vector<Entry>> range(std::string_view start, std::string_view end, std::uint32_t limit) const override {
        const std::string stop = end.empty() ? std::string(1, kStateRow + 1) : row_key(kStateRow, end);
        FS_ASSIGN(const auto rows, view_->range(row_key(kStateRow, start), stop, limit));
        std::vector<Entry> out;
        out.reserve(rows.size());
        for (const auto& [key, value] : rows) {
            FS_ASSIGN(const auto parts, split(value, "a key"));
            out.push_back({key.substr(1), to_bytes(parts.second), parts.first});
        }
        return out;
    }

    Result<std::optional<TransactionRecord>> transaction(const Hash& id) const override {
        FS_ASSIGN(const auto row, view_->get(row_key(kTransactionRow, as_text(id))));
        if (!row) return std::optional<TransactionRecord>{};
        FS_ASSIGN(const auto parts, split(*row, "a transaction"));
        auto outcome = proto::decode<proto::Outcome>(parts.second);
        if (!outcome) return damaged("a transaction");
        return std::optional<TransactionRecord>{{parts.first, std::move(*outcome)}};
    }

    Result<std::optional<Hash>> block_hash(std::uint64_t height) const override {
        FS_ASSIGN(const auto row, view_->get(height_key(kBlockRow, height)));
        if (!row) return std::optional<Hash>{};
        const auto hash = identity::crypto::to_hash(as_bytes(*row));
        if (!hash) return damaged("a block hash");
        return std::optional<Hash>{*hash};
    }

    Result<OtherOutcomes> other_outcomes(std::uint64_t height) const override {
        FS_ASSIGN(const auto row, view_->get(height_key(kOutcomesRow, height)));
        if (!row) return OtherOutcomes{};
        return parse_outcomes(as_bytes(*row));
    }

private:
    std::unique_ptr<TableView> view_;
    std::uint64_t height_;
};

class TableRows final : public Rows {
public:
    TableRows(std::unique_ptr<TableView> view, std::uint64_t height) : view_(std::move(view)), height_(height) {}
    std::uint64_t height() const override { return height_; }
    Status scan(const Each& each) const override { return view_->scan("a", each); }

private:
    std::unique_ptr<TableView> view_;
    std::uint64_t height_;
};

bool is_row(std::string_view key) {
    if (key == kHeightRow) return true;
    constexpr char kKinds[] = {kStateRow, kTransactionRow, kBlockRow, kOutcomesRow};
    return key.size() > 1 && std::ranges::find(kKinds, key[0]) != std::end(kKinds);
}

class StateLoader final : public Loader {
public:
    StateLoader(std::unique_ptr<TableLoader> table, std::function<Status()> finished)
        : table_(std::move(table)), finished_(std::move(finished)) {}

    Status add(std::string_view key, std::string_view value) override {
        if (!is_row(key)) return fail("malformed", "a row that no state holds");
        return table_->add(key, value);
    }
    Status finish() override {
        FS_TRY(table_->finish());
        return finished_();
    }

private:
    std::unique_ptr<TableLoader> table_;
    std::function<Status()> finished_;
};

Result<std::uint64_t> read_height(const TableView& view) {
    FS_ASSIGN(const auto row, view.get(kHeightRow));
    if (!row) return std::uint64_t{0};
    if (row->size() != 8) return damaged("the height");
    return base::read_u64(as_bytes(*row));
}

class TableState final : public StateStore {
public:
    TableState(std::unique_ptr<Table> table, std::uint64_t height) : table_(std::move(table)), height_(height) {}

    std::uint64_t height() const override { return height_.load(); }

    std::unique_ptr<Snapshot> snapshot() const override {
        // The height belongs to the view: read beside it, a block applied in between would make them differ.
        auto view = table_->view();
        const auto height = read_height(*view);
        FS_ASSERT(height.has_value());
        return std::make_unique<TableSnapshot>(std::move(view), *height);
    }

    Status apply(const Batch& batch) override {
        FS_ASSERT(batch.height == height() + 1);
        std::vector<Table::Change> changes;
        changes.reserve(batch.changes.size() + batch.transactions.size() + 2);
        for (const auto& change : batch.changes) {
            auto& row = changes.emplace_back(Table::Change{row_key(kStateRow, change.key), std::nullopt});
            if (change.value) row.value = versioned(change.version, *change.value);
        }
        for (const auto& [id, record] : batch.transactions)
            changes.push_back(
                {row_key(kTransactionRow, as_text(id)), versioned(record.at, proto::encode(record.outcome))});
        if (!batch.other_outcomes.empty())
            changes.push_back({height_key(kOutcomesRow, batch.height), write_outcomes(batch.other_outcomes)});
        changes.push_back({height_key(kBlockRow, batch.height), std::string(as_text(batch.block_hash))});
        Bytes height;
        base::append_u64(height, batch.height);
        changes.push_back({std::string(kHeightRow), std::string(as_text(height))});
        FS_TRY(table_->write(changes, Table::Durability::kProcess));
        height_.store(batch.height);
        return {};
    }

    std::unique_ptr<Rows> rows() const override {
        auto view = table_->view();
        const auto height = read_height(*view);
        FS_ASSERT(height.has_value());
        return std::make_unique<TableRows>(std::move(view), *height);
    }

    Result<std::unique_ptr<Loader>> loader() override {
        FS_ASSIGN(auto table, table_->loader());
        return std::make_unique<StateLoader>(std::move(table), [this]() -> Status {
            FS_ASSIGN(const auto height, read_height(*table_->view()));
            height_.store(height);
            return {};
        });
    }

private:
    std::unique_ptr<Table> table_;
    std::atomic<std::uint64_t> height_;
};

}  // namespace

Result<std::unique_ptr<StateStore>> StateStore::open(const std::filesystem::path& folder) {
    FS_ASSIGN(auto table, rocks_table(folder));
    FS_ASSIGN(const auto height, read_height(*table->view()));
    return std::make_unique<TableState>(std::move(table), height);
}

Result<std::unique_ptr<StateStore>> StateStore::open_read_only(const std::filesystem::path& folder) {
    FS_ASSIGN(auto table, read_only_rocks_table(folder));
    FS_ASSIGN(const auto height, read_height(*table->view()));
    return std::make_unique<TableState>(std::move(table), height);
}

std::pair<std::string, std::string> make_row(std::string_view full_key, ByteView value, const Version& version) {
    return {row_key(kStateRow, full_key), versioned(version, value)};
}

std::optional<proto::PrivateWrite> private_write_in(std::string_view key, std::string_view value) {
    if (key.empty() || key[0] != kStateRow || value.size() < kVersionBytes) return std::nullopt;
    key.remove_prefix(1);
    const auto slash = key.find('/');
    if (slash == std::string_view::npos || !key.substr(slash).starts_with("/~private/")) return std::nullopt;
    proto::PrivateWrite write;
    write.set_key(std::string(key));
    write.set_salted_hash(std::string(value.substr(kVersionBytes)));
    return write;
}

std::unique_ptr<StateStore> memory_state() {
    return std::make_unique<TableState>(memory_table(), /*height=*/0);
}

}  // namespace fairstream::ledger::state
