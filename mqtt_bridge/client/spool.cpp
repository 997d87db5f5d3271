#include "mqtt_bridge/client/spool.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/record_log.hpp"

namespace fairstream::mqtt_bridge::client {

namespace fs = std::filesystem;
using identity::crypto::kFrameOverhead;
using identity::crypto::merkle_leaf;
using identity::crypto::sha256;

namespace {

// The journal (base/record_log.hpp): the spool's identity (32), then records with the mark "FSSP" and the SHA-256 of
// the body for a sum; the body: u64 first, u64 last, head (32), u64 plaintext bytes, u8 closing, u64 bundle bytes, u64
// time of the first frame and of the last, and a leaf hash (32) per frame.
constexpr std::size_t kFixedBody = 8 + 8 + 32 + 8 + 1 + 8 + 8 + 8;
constexpr std::uint32_t kMaxBodyBytes = 64u << 20;

Bytes checksum(ByteView body) {
    return to_bytes(sha256(body));
}

base::RecordFormat format_of(const Hash& identity) {
    return {.magic = as_text(identity),
            .mark = 0x46535350,  // "FSSP"
            .max_bytes = kMaxBodyBytes,
            .sum_bytes = 32,
            .sum = checksum};
}

Error io_error(const fs::path& path, std::string_view doing) {
    return {"io_error", path.string() + ": cannot " + std::string(doing) + ": " + std::strerror(errno)};
}

Hash read_hash(ByteView from) {
    Hash out;
    std::copy_n(from.begin(), out.size(), out.begin());
    return out;
}

std::uint64_t time_of(ByteView frame) {
    const auto header = identity::crypto::FrameHeader::decode(frame);
    FS_ASSERT(header);
    return header->time_us;
}

}  // namespace

fs::path Spool::path(std::uint64_t first) const {
    return folder_ / ("bundle-" + std::to_string(first));
}

Result<Spool> Spool::open(const fs::path& folder, const Hash& identity, std::uint64_t first_sequence,
                          const Hash& previous, bool keep) {
    Spool spool;
    spool.folder_ = folder;
    spool.identity_ = identity;
    spool.keep_ = keep;
    spool.first_ = first_sequence;
    spool.next_ = first_sequence;
    spool.head_ = previous;
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) return fail("io_error", folder.string() + ": cannot make the folder: " + error.message());
    FS_TRY(spool.load());
    const fs::path stored = folder / "stored";
    spool.stored_ = base::FileDescriptor(::open(stored.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!spool.stored_) return fail(io_error(stored, "open"));
    if (const auto through = base::read_exact(spool.stored_.get(), 8, 0)) spool.stored(base::read_u64(*through));
    return spool;
}

Status Spool::load() {
    const fs::path file = folder_ / "journal";
    journal_ = base::FileDescriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!journal_) return fail(io_error(file, "open"));
    if (::flock(journal_.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("in_use", folder_.string() + ": another writer has this spool open");
    FS_ASSIGN(const Bytes bytes, base::read_file(file, 1u << 30));
    if (bytes.size() < identity_.size()) {
        FS_TRY(base::write_all(journal_.get(), identity_, 0));
        if (::fdatasync(journal_.get()) != 0) return fail(io_error(file, "sync"));
        journal_bytes_ = identity_.size();
        return base::sync_folder(folder_);
    }
    if (read_hash(bytes) != identity_)
        return fail("wrong_spool", folder_.string() + ": it holds another grant, stream or batch");
    // What is torn at the end was never sent: its bundle is written again.
    const auto scan =
        base::scan_records(format_of(identity_), bytes, [&](ByteView body, std::uint64_t offset) -> Status {
            if (load_record(body)) return {};
            return fail("damaged", "before byte " + std::to_string(offset) + ": its records do not follow one another");
        });
    if (!scan) return fail("spool_damaged", file.string() + " " + scan.error().message);
    journal_bytes_ = scan->good_bytes;
    if (::ftruncate(journal_.get(), static_cast<off_t>(journal_bytes_)) != 0) return fail(io_error(file, "cut"));
    while (unstored_ < entries_.size() && entries_[unstored_].bytes == 0) ++unstored_;
    return {};
}

bool Spool::load_record(ByteView body) {
    if (body.size() < kFixedBody || (body.size() - kFixedBody) % 32 != 0 || closed()) return false;
    Entry entry;
    entry.first = base::read_u64(body);
    entry.last = base::read_u64(body.subspan(8));
    entry.head = read_hash(body.subspan(16));
    entry.plaintext_bytes = base::read_u64(body.subspan(48));
    entry.closing = body[56] == 1;
    entry.bytes = base::read_u64(body.subspan(57));
    entry.first_time_us = base::read_u64(body.subspan(65));
    entry.last_time_us = base::read_u64(body.subspan(73));
    const ByteView leaves = body.subspan(kFixedBody);
    if (entry.first != next_ || entry.last < entry.first || leaves.size() / 32 != entry.last - entry.first + 1)
        return false;
    for (std::size_t at = 0; at < leaves.size(); at += 32) leaves_.add(read_hash(leaves.subspan(at)));
    std::error_code error;
    if (!fs::exists(path(entry.first), error)) entry.bytes = 0;  // stored by a quorum
    take(entry);
    return true;
}

void Spool::take(const Entry& entry) {
    entries_.push_back(entry);
    next_ = entry.last + 1;
    head_ = entry.head;
    plaintext_bytes_ += entry.plaintext_bytes;
    waiting_bytes_ += entry.bytes;
}

Status Spool::add(const ManifestFields& manifest, const Sealed& sealed, const std::vector<Bytes>& frames) {
    FS_ASSERT(manifest.first == next_ && !closed());
    Entry entry{.first = manifest.first,
                .last = manifest.last,
                .head = sealed.head,
                .plaintext_bytes = 0,
                .closing = manifest.closing,
                .bytes = sealed.raw.size(),
                .first_time_us = time_of(frames.front()),
                .last_time_us = time_of(frames.back())};
    std::vector<Hash> leaves;
    for (const Bytes& frame : frames) {
        entry.plaintext_bytes += frame.size() - kFrameOverhead;
        leaves.push_back(merkle_leaf(frame));
    }
    Bytes body;
    base::append_u64(body, entry.first);
    base::append_u64(body, entry.last);
    append(body, entry.head);
    base::append_u64(body, entry.plaintext_bytes);
    body.push_back(entry.closing ? 1 : 0);
    base::append_u64(body, entry.bytes);
    base::append_u64(body, entry.first_time_us);
    base::append_u64(body, entry.last_time_us);
    for (const Hash& leaf : leaves) append(body, leaf);
    const Bytes record = base::encode_frame(format_of(identity_), body);

    FS_TRY(base::write_file(path(entry.first), sealed.raw, 0600));
    FS_TRY(base::write_all(journal_.get(), record, journal_bytes_));
    if (::fdatasync(journal_.get()) != 0) return fail(io_error(folder_ / "journal", "sync"));
    journal_bytes_ += record.size();
    for (const Hash& leaf : leaves) leaves_.add(leaf);
    take(entry);
    return {};
}

Result<Bytes> Spool::bundle(const Entry& entry) const {
    return base::read_file(path(entry.first), replicate::kMaxBundleBytes);
}

void Spool::stored(std::uint64_t through) {
    const std::size_t before = unstored_;
    for (; unstored_ < entries_.size() && entries_[unstored_].last <= through; ++unstored_)
        waiting_bytes_ -= entries_[unstored_].bytes;
    if (unstored_ == before) return;
    Bytes number;
    base::append_u64(number, entries_[unstored_ - 1].last);
    (void)base::write_all(stored_.get(), number, 0);  // not synced: what is lost of it costs a resend, after a restart
    if (!keep_ || (closed() && unstored_ == entries_.size())) drop_files();
}

void Spool::drop_files() {
    for (std::size_t i = unstored_; i > 0; --i) {
        Entry& entry = entries_[i - 1];
        if (entry.closing) continue;
        if (entry.bytes == 0) break;  // and all before it
        std::error_code ignored;
        fs::remove(path(entry.first), ignored);
        entry.bytes = 0;
    }
}

Status Spool::read_back(ByteView encryption_subkey, const std::function<void(ByteView)>& take) const {
    for (const Entry& entry : entries_) {
        FS_ASSIGN(const Bytes raw, bundle(entry));
        FS_ASSIGN(const auto frames, frames_of(raw));
        for (const Bytes& frame : frames) {
            FS_ASSIGN(const Bytes plaintext, identity::crypto::open_frame(encryption_subkey, frame));
            take(plaintext);
        }
    }
    return {};
}

}  // namespace fairstream::mqtt_bridge::client
