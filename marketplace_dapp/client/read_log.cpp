#include "marketplace_dapp/client/read_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/checksum.hpp"
#include "base/config.hpp"
#include "base/encoding.hpp"

namespace fairstream::marketplace_dapp::client {

namespace fs = std::filesystem;
using identity::crypto::Hash;

namespace {

constexpr std::size_t kRecordBytes = 8 + 4 + 4 + 8 + 32 + 4;
constexpr std::size_t kMaxOperators = 64;
constexpr std::uint64_t kMaxNumber = INT64_MAX;

std::uint64_t number_at(ByteView bytes, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes[at + i];
    return value;
}

void append(Bytes& out, const ReadLog::Entry& entry) {
    const auto begin = out.size();
    base::append_u64(out, entry.sequence);
    base::append_u32(out, entry.key_epoch);
    base::append_u32(out, entry.operator_index);
    base::append_u64(out, entry.output_bytes);
    out.insert(out.end(), entry.leaf.begin(), entry.leaf.end());
    base::append_u32(out, base::crc32c(ByteView(out).subspan(begin)));
}

/// Nothing for a torn record, what was being written when the process died, and for one that nobody has written.
std::optional<ReadLog::Entry> parse(ByteView record) {
    if (base::crc32c(record.first(kRecordBytes - 4)) != number_at(record, kRecordBytes - 4, 4)) return std::nullopt;
    ReadLog::Entry entry{.sequence = number_at(record, 0, 8),
                         .key_epoch = static_cast<std::uint32_t>(number_at(record, 8, 4)),
                         .operator_index = static_cast<std::uint32_t>(number_at(record, 12, 4)),
                         .output_bytes = number_at(record, 16, 8),
                         .leaf = {}};
    std::ranges::copy(record.subspan(24, 32), entry.leaf.begin());
    if (entry.sequence > kMaxNumber || entry.output_bytes > kMaxNumber) return std::nullopt;
    return entry;
}

}  // namespace

Result<ReadLog> ReadLog::open(const fs::path& folder, std::vector<std::string> operators) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail("io_error", "cannot make " + folder.string() + ": " + error.message());
    ReadLog log;
    log.folder_ = folder;
    log.operators_ = std::move(operators);
    log.lock_ = base::FileDescriptor(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!log.lock_) return fail("io_error", "cannot write in " + folder.string());
    if (::flock(log.lock_.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("in_use", "another process reads this purchase: " + folder.string());
    FS_TRY(log.load_base());
    FS_TRY(log.load_entries());
    return log;
}

Status ReadLog::load_base() {
    auto config = base::Config::load(folder_ / "base.yaml");
    if (!config && config.error().code == "not_found") return {};
    if (!config) return fail(config.error());
    last_ = config->integer("last_sequence", 0, kMaxNumber);
    output_bytes_ = config->integer("output_bytes", 0, kMaxNumber);
    const auto served = config->texts("served", kMaxOperators);
    FS_TRY(config->finish());
    FS_ASSIGN(served_, mqtt_bridge::client::ServedRanges::from_texts(served));
    for (const auto& name : served_.operators())
        if (std::ranges::find(operators_, name) == operators_.end())
            return fail("bad_config", (folder_ / "base.yaml").string() + ": served: no operator of this purchase is " +
                                          name.substr(0, 64));
    return {};
}

Status ReadLog::load_entries() {
    const auto file = folder_ / "entries";
    file_ = base::FileDescriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file_) return fail("io_error", "cannot open " + file.string());
    struct stat info {};
    if (::fstat(file_.get(), &info) != 0) return fail("io_error", "cannot read " + file.string());
    const auto size = static_cast<std::uint64_t>(info.st_size);
    while (file_bytes_ + kRecordBytes <= size) {
        FS_ASSIGN(const auto record, base::read_exact(file_.get(), kRecordBytes, file_bytes_));
        const auto entry = parse(record);
        if (!entry || entry->operator_index >= operators_.size()) break;
        if (!epochs_.empty() && entry->key_epoch < epochs_.rbegin()->first) break;  // they ascend, as numbers do
        file_bytes_ += kRecordBytes;
        if (entry->sequence > last_)
            take(*entry, file_bytes_);  // else it is in the base: the process died while folding
    }
    return {};
}

void ReadLog::take(const Entry& entry, std::uint64_t file_bytes) {
    served_.credit(operators_[entry.operator_index], entry.sequence);
    last_ = entry.sequence;
    output_bytes_ = entry.output_bytes;
    auto& epoch = epochs_[entry.key_epoch];
    if (epoch.first == 0) epoch.first = entry.sequence;
    epoch.last = entry.sequence;
    epoch.output_bytes = entry.output_bytes;
    epoch.file_bytes = file_bytes;
    epoch.leaves.add(entry.leaf);
}

Status ReadLog::add(std::span<const Entry> entries) {
    Bytes records;
    for (const auto& entry : entries) append(records, entry);
    FS_TRY(base::write_all(file_.get(), records, file_bytes_));
    for (const auto& entry : entries) {
        file_bytes_ += kRecordBytes;
        take(entry, file_bytes_);
    }
    return {};
}

Status ReadLog::checked(std::uint32_t key_epoch) {
    const auto found = epochs_.find(key_epoch);
    if (found == epochs_.end()) return {};
    const auto last = found->second.last;
    std::string served;
    for (const auto& text : served_.up_to(last).to_texts()) served += "  - \"" + text + "\"\n";
    FS_TRY(
        base::write_file(folder_ / "base.yaml",
                         as_bytes(fmt::format("# How far this purchase is read. What was read since lies in entries.\n"
                                              "last_sequence: {}\noutput_bytes: {}\nserved:\n{}",
                                              last, found->second.output_bytes, served)),
                         0600));
    const auto folded = found->second.file_bytes;
    epochs_.erase(epochs_.begin(), std::next(found));
    return drop_entries(folded);
}

Status ReadLog::drop_entries(std::uint64_t bytes) {
    FS_ASSIGN(const auto rest, base::read_exact(file_.get(), file_bytes_ - bytes, bytes));
    FS_TRY(base::write_file(folder_ / "entries", rest, 0600));
    file_ = base::FileDescriptor(::open((folder_ / "entries").c_str(), O_RDWR | O_CLOEXEC));
    if (!file_) return fail("io_error", "cannot open " + (folder_ / "entries").string());
    file_bytes_ = rest.size();
    for (auto& [number, epoch] : epochs_) epoch.file_bytes -= bytes;
    return {};
}

}  // namespace fairstream::marketplace_dapp::client
