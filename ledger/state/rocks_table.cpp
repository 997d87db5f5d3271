#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <system_error>

#include "ledger/state/table.hpp"

namespace fairstream::ledger::state {

namespace {

constexpr std::size_t kBlockCacheBytes = 80u << 20;
constexpr std::size_t kWriteBufferBytes = 8u << 20;
constexpr int kMaxWriteBuffers = 3;
constexpr std::uint64_t kMaxLogBytes = 64u << 20;
constexpr int kMaxOpenFiles = 256;
constexpr std::size_t kScanAhead = 1u << 20;
constexpr std::uint64_t kLoadedFileBytes = 64u << 20;
constexpr std::string_view kFormatRow = "!format";  // before all letters, so in no range
constexpr std::string_view kFormat = "1";
constexpr std::string_view kFirstRow = "a";
constexpr std::string_view kAfterRows = "~";

rocksdb::Slice slice(std::string_view text) {
    return {text.data(), text.size()};
}

tl::unexpected<Error> rocks_error(const rocksdb::Status& status, const std::filesystem::path& folder) {
    const bool broken = status.IsCorruption() || status.IsInvalidArgument();
    return fail(broken ? "damaged" : "io_error", folder.string() + ": " + status.ToString());
}

rocksdb::Options table_options() {
    rocksdb::BlockBasedTableOptions blocks;
    blocks.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    blocks.cache_index_and_filter_blocks = true;  // else they grow beside the cache, without a bound
    blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(/*bits_per_key=*/10));

    // In small pieces: a file's whole index and filter are 600 kB, and would push one another out of the cache.
    blocks.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    blocks.partition_filters = true;

    rocksdb::Options options;
    options.create_if_missing = true;
    options.paranoid_checks = true;
    options.write_buffer_size = kWriteBufferBytes;
    options.max_write_buffer_number = kMaxWriteBuffers;
    options.max_total_wal_size = kMaxLogBytes;
    options.allow_fallocate = false;  // else every log takes 13 MB at once, the hardly used private store's too
    options.memtable_prefix_bloom_size_ratio = 0.05;  // most keys that are asked for are new ones
    options.memtable_whole_key_filtering = true;
    options.max_open_files = kMaxOpenFiles;
    options.max_background_jobs = 2;
    options.info_log_level = rocksdb::WARN_LEVEL;
    options.keep_log_file_num = 2;
    options.max_log_file_size = 1u << 20;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
    return options;
}

struct Database {
    std::filesystem::path folder;
    std::unique_ptr<rocksdb::DB> db;
};

class RocksView final : public TableView {
public:
    explicit RocksView(std::shared_ptr<Database> database)
        : database_(std::move(database)), snapshot_(database_->db->GetSnapshot()) {
        options_.snapshot = snapshot_;
    }
    RocksView(const RocksView&) = delete;
    RocksView& operator=(const RocksView&) = delete;
    ~RocksView() override { database_->db->ReleaseSnapshot(snapshot_); }

    Result<std::optional<std::string>> get(std::string_view key) const override {
        std::string value;
        const auto status = database_->db->Get(options_, slice(key), &value);
        if (status.IsNotFound()) return std::optional<std::string>{};
        if (!status.ok()) return rocks_error(status, database_->folder);
        return std::optional<std::string>{std::move(value)};
    }

    Result<std::vector<Row>> range(std::string_view start, std::string_view end, std::size_t limit) const override {
        std::vector<Row> out;
        auto options = options_;
        const auto upper = slice(end);
        if (!end.empty()) options.iterate_upper_bound = &upper;
        const std::unique_ptr<rocksdb::Iterator> row(database_->db->NewIterator(options));
        for (row->Seek(slice(start)); row->Valid() && out.size() < limit; row->Next())
            out.emplace_back(row->key().ToString(), row->value().ToString());
        if (!row->status().ok()) return rocks_error(row->status(), database_->folder);
        return out;
    }

    Status scan(std::string_view start, const Each& each) const override {
        auto options = options_;
        options.fill_cache = false;
        options.readahead_size = kScanAhead;
        const std::unique_ptr<rocksdb::Iterator> row(database_->db->NewIterator(options));
        for (row->Seek(slice(start)); row->Valid(); row->Next())
            if (!each(row->key().ToStringView(), row->value().ToStringView())) break;
        if (!row->status().ok()) return rocks_error(row->status(), database_->folder);
        return {};
    }

private:
    std::shared_ptr<Database> database_;  // a view outlives its table
    const rocksdb::Snapshot* snapshot_;
    rocksdb::ReadOptions options_;
};

/// Writes sorted table files beside the database and brings them in all at once.
class RocksLoader final : public TableLoader {
public:
    explicit RocksLoader(std::shared_ptr<Database> database)
        : database_(std::move(database)), folder_(database_->folder.string() + ".load") {}
    RocksLoader(const RocksLoader&) = delete;
    RocksLoader& operator=(const RocksLoader&) = delete;
    ~RocksLoader() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    Status begin() {
        std::error_code error;
        std::filesystem::remove_all(folder_, error);
        std::filesystem::create_directories(folder_, error);
        if (error) return fail("io_error", "cannot make " + folder_.string() + ": " + error.message());
        return {};
    }

    Status add(std::string_view key, std::string_view value) override {
        if (key <= last_) return fail("out_of_order", "rows are not in key order");
        last_ = key;
        if (!file_) FS_TRY(open_file());
        if (auto status = file_->Put(slice(key), slice(value)); !status.ok())
            return rocks_error(status, database_->folder);
        return file_->FileSize() < kLoadedFileBytes ? Status{} : close_file();
    }

    Status finish() override {
        if (file_) FS_TRY(close_file());
        auto& db = *database_->db;
        rocksdb::WriteOptions synced;
        synced.sync = true;
        rocksdb::Status status;
        // Into an empty database the files come as they are; over a deletion RocksDB would write each of them again.
        if (!is_empty(db))
            status = db.DeleteRange(synced, db.DefaultColumnFamily(), slice(kFirstRow), slice(kAfterRows));
        rocksdb::IngestExternalFileOptions options;
        options.move_files = true;
        if (status.ok() && !files_.empty()) status = db.IngestExternalFile(files_, options);
        if (!status.ok()) return rocks_error(status, database_->folder);
        return {};
    }

private:
    static bool is_empty(rocksdb::DB& db) {
        const std::unique_ptr<rocksdb::Iterator> row(db.NewIterator({}));
        row->Seek(slice(kFirstRow));
        return row->status().ok() && (!row->Valid() || row->key().compare(slice(kAfterRows)) >= 0);
    }
    Status open_file() {
        files_.push_back((folder_ / (std::to_string(files_.size()) + ".sst")).string());
        // What was just written will be read: left to itself RocksDB asks the kernel to forget it at once, and each
        // key's first reads are the disk's.
        file_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), database_->db->GetOptions(),
                                                         database_->db->DefaultColumnFamily(),
                                                         /*invalidate_page_cache=*/false);
        if (auto status = file_->Open(files_.back()); !status.ok()) return rocks_error(status, database_->folder);
        return {};
    }
    Status close_file() {
        const auto status = file_->Finish();
        file_.reset();
        if (!status.ok()) return rocks_error(status, database_->folder);
        return {};
    }

    std::shared_ptr<Database> database_;
    std::filesystem::path folder_;
    std::vector<std::string> files_;
    std::unique_ptr<rocksdb::SstFileWriter> file_;
    std::string last_;
};

class RocksTable final : public Table {
public:
    explicit RocksTable(std::shared_ptr<Database> database) : database_(std::move(database)) {}

    std::unique_ptr<TableView> view() const override { return std::make_unique<RocksView>(database_); }

    Status write(const std::vector<Change>& changes, Durability durability) override {
        rocksdb::WriteBatch batch;
        for (const auto& change : changes) {
            const auto status = change.value ? batch.Put(change.key, *change.value) : batch.Delete(change.key);
            if (!status.ok()) return rocks_error(status, database_->folder);
        }
        rocksdb::WriteOptions options;
        options.sync = durability == Durability::kDisk;
        const auto status = database_->db->Write(options, &batch);
        if (!status.ok()) return rocks_error(status, database_->folder);
        return {};
    }

    /// A deletion alone leaves the value in older files and logs; flushing ends the log, compacting rewrites the files.
    Status erase_for_good(const std::vector<std::string>& keys) override {
        std::vector<Change> changes;
        for (const auto& key : keys) changes.push_back({.key = key, .value = std::nullopt});
        FS_TRY(write(changes, Durability::kDisk));
        if (const auto status = database_->db->Flush({}); !status.ok()) return rocks_error(status, database_->folder);
        rocksdb::CompactRangeOptions options;
        options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
        for (const auto& key : keys) {
            const auto from = slice(key);
            const auto status = database_->db->CompactRange(options, &from, &from);
            if (!status.ok()) return rocks_error(status, database_->folder);
        }
        return {};
    }

    Result<std::unique_ptr<TableLoader>> loader() override {
        auto loader = std::make_unique<RocksLoader>(database_);
        FS_TRY(loader->begin());
        return loader;
    }

private:
    std::shared_ptr<Database> database_;
};

/// A new database gets the mark of this format; any other mark is refused.
Status check_format(Database& database) {
    std::string format;
    const auto status = database.db->Get({}, slice(kFormatRow), &format);
    if (status.ok() && format == kFormat) return {};
    if (status.ok()) return fail("damaged", database.folder.string() + ": written by another version of this program");
    if (!status.IsNotFound()) return rocks_error(status, database.folder);

    const std::unique_ptr<rocksdb::Iterator> any(database.db->NewIterator({}));
    any->SeekToFirst();
    if (any->Valid()) return fail("damaged", database.folder.string() + ": not a database of this program");
    rocksdb::WriteOptions options;
    options.sync = true;
    const auto written = database.db->Put(options, slice(kFormatRow), slice(kFormat));
    if (!written.ok()) return rocks_error(written, database.folder);
    return {};
}

}  // namespace

Result<std::unique_ptr<Table>> rocks_table(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail("io_error", "cannot make " + folder.string() + ": " + error.message());
    auto database = std::make_shared<Database>();
    database->folder = folder;
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::Open(table_options(), folder.string(), &opened);
    if (!status.ok()) return rocks_error(status, folder);
    database->db.reset(opened);
    FS_TRY(check_format(*database));
    return std::make_unique<RocksTable>(std::move(database));
}

Result<std::unique_ptr<Table>> read_only_rocks_table(const std::filesystem::path& folder) {
    auto database = std::make_shared<Database>();
    database->folder = folder;
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::OpenForReadOnly(table_options(), folder.string(), &opened);
    if (!status.ok()) return rocks_error(status, folder);
    database->db.reset(opened);
    FS_TRY(check_format(*database));
    return std::make_unique<RocksTable>(std::move(database));
}

}  // namespace fairstream::ledger::state
