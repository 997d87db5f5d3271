#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// Sorted keys and values with atomic writes: what the state store and the private store stand on. One implementation
/// keeps them in memory, one in RocksDB; the logic above them is the same.
namespace fairstream::ledger::state {

class TableView {
public:
    using Row = std::pair<std::string, std::string>;

    virtual ~TableView() = default;
    virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
    /// Rows with start <= key < end (an empty `end`: to the end) in byte order, at most `limit`.
    virtual Result<std::vector<Row>> range(std::string_view start, std::string_view end, std::size_t limit) const = 0;
    /// Every row from `start` on, in byte order, until `each` answers false. Passes by the caches.
    using Each = std::function<bool(std::string_view key, std::string_view value)>;
    virtual Status scan(std::string_view start, const Each& each) const = 0;
};

/// Puts other rows in place of all that a table holds: before finish() nothing of them is seen, after it nothing else.
/// A crash within finish() may leave the table empty, and never with some of the rows.
class TableLoader {
public:
    virtual ~TableLoader() = default;
    /// Keys rise strictly, and begin with a letter. Error: out_of_order.
    virtual Status add(std::string_view key, std::string_view value) = 0;
    virtual Status finish() = 0;
};

/// Thread-safe; writers must not overlap.
class Table {
public:
    struct Change {
        std::string key;
        std::optional<std::string> value;  // nothing: removed
    };
    enum class Durability {
        kProcess,  // survives the end of the process
        kDisk,     // synced: survives a power cut too
    };

    virtual ~Table() = default;
    /// A consistent view that later writes do not change.
    virtual std::unique_ptr<TableView> view() const = 0;
    /// All of `changes` or none. Errors: io_error, damaged.
    virtual Status write(const std::vector<Change>& changes, Durability durability) = 0;
    /// Removes keys so that their values are gone from the files too.
    virtual Status erase_for_good(const std::vector<std::string>& keys) = 0;
    /// Errors: io_error.
    virtual Result<std::unique_ptr<TableLoader>> loader() = 0;
};

std::unique_ptr<Table> memory_table();
/// Bounded caches and write buffers. Errors: io_error, damaged (names the folder).
Result<std::unique_ptr<Table>> rocks_table(const std::filesystem::path& folder);
/// One that is there, for reading: every write fails. Errors: io_error, damaged.
Result<std::unique_ptr<Table>> read_only_rocks_table(const std::filesystem::path& folder);

}  // namespace fairstream::ledger::state
