#include <map>
#include <mutex>

#include "ledger/state/table.hpp"

namespace fairstream::ledger::state {

namespace {

using Rows = std::map<std::string, std::string, std::less<>>;

/// What the table and its views share. Views give their rows back under the mutex, so that the table sees, race-free,
/// whether anybody still reads them.
struct Current {
    std::mutex mutex;
    std::shared_ptr<Rows> rows = std::make_shared<Rows>();
};

class MemoryView final : public TableView {
public:
    explicit MemoryView(std::shared_ptr<Current> current) : current_(std::move(current)) {
        const std::lock_guard lock(current_->mutex);
        rows_ = current_->rows;
    }
    MemoryView(const MemoryView&) = delete;
    MemoryView& operator=(const MemoryView&) = delete;
    ~MemoryView() override {
        const std::lock_guard lock(current_->mutex);
        rows_.reset();
    }

    Result<std::optional<std::string>> get(std::string_view key) const override {
        const auto found = rows_->find(key);
        if (found == rows_->end()) return std::optional<std::string>{};
        return std::optional<std::string>{found->second};
    }

    Result<std::vector<Row>> range(std::string_view start, std::string_view end, std::size_t limit) const override {
        std::vector<Row> out;
        for (auto row = rows_->lower_bound(start); row != rows_->end() && out.size() < limit; ++row) {
            if (!end.empty() && row->first >= end) break;
            out.push_back(*row);
        }
        return out;
    }

    Status scan(std::string_view start, const Each& each) const override {
        for (auto row = rows_->lower_bound(start); row != rows_->end(); ++row)
            if (!each(row->first, row->second)) break;
        return {};
    }

private:
    std::shared_ptr<Current> current_;
    std::shared_ptr<const Rows> rows_;
};

class MemoryLoader final : public TableLoader {
public:
    explicit MemoryLoader(std::shared_ptr<Current> current) : current_(std::move(current)) {}

    Status add(std::string_view key, std::string_view value) override {
        if (!rows_->empty() && key <= rows_->rbegin()->first) return fail("out_of_order", "rows are not in key order");
        rows_->emplace_hint(rows_->end(), key, value);
        return {};
    }
    Status finish() override {
        const std::lock_guard lock(current_->mutex);
        current_->rows = std::move(rows_);
        return {};
    }

private:
    std::shared_ptr<Current> current_;
    std::shared_ptr<Rows> rows_ = std::make_shared<Rows>();
};

/// Copies its rows on a write only while somebody holds a view of them.
class MemoryTable final : public Table {
public:
    std::unique_ptr<TableView> view() const override { return std::make_unique<MemoryView>(current_); }

    Status write(const std::vector<Change>& changes, Durability) override {
        const std::lock_guard lock(current_->mutex);
        auto& rows = current_->rows;
        if (rows.use_count() > 1) rows = std::make_shared<Rows>(*rows);
        for (const auto& change : changes) {
            if (change.value) {
                rows->insert_or_assign(change.key, *change.value);
            } else {
                rows->erase(change.key);
            }
        }
        return {};
    }

    Status erase_for_good(const std::vector<std::string>& keys) override {
        std::vector<Change> changes;
        for (const auto& key : keys) changes.push_back({.key = key, .value = std::nullopt});
        return write(changes, Durability::kProcess);
    }

    Result<std::unique_ptr<TableLoader>> loader() override { return std::make_unique<MemoryLoader>(current_); }

private:
    std::shared_ptr<Current> current_ = std::make_shared<Current>();
};

}  // namespace

std::unique_ptr<Table> memory_table() {
    return std::make_unique<MemoryTable>();
}

}  // namespace fairstream::ledger::state
