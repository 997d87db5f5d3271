#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ledger/contract/context.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::state {

using contract::Entry;
using contract::Version;
using identity::crypto::Hash;

/// Where a transaction ended up; kept for every id that was used up.
struct TransactionRecord {
    Version at;
    proto::Outcome outcome;
};

using OtherOutcomes = std::map<std::uint32_t, proto::Outcome>;

/// A consistent view of committed state. Keys here are full keys: "<contract>/<key>". Thread-safe.
class Snapshot {
public:
    virtual ~Snapshot() = default;
    virtual std::uint64_t height() const = 0;
    virtual Result<std::optional<Entry>> get(std::string_view key) const = 0;
    virtual Result<std::vector<Entry>> range(std::string_view start, std::string_view end,
                                             std::uint32_t limit) const = 0;
    virtual Result<std::optional<TransactionRecord>> transaction(const Hash& id) const = 0;
    virtual Result<std::optional<Hash>> block_hash(std::uint64_t height) const = 0;
    /// Of a block's transactions that used up no id, by their position in it.
    virtual Result<OtherOutcomes> other_outcomes(std::uint64_t height) const = 0;
};

/// What applying one block changes; written in one atomic write with the height inside.
struct Batch {
    struct Change {
        std::string key;
        std::optional<Bytes> value;  // nothing: removed
        Version version;
    };
    std::uint64_t height = 0;
    Hash block_hash{};
    std::vector<Change> changes;  // last one wins
    std::vector<std::pair<Hash, TransactionRecord>> transactions;
    OtherOutcomes other_outcomes;
};

/// All that the state holds at one height, row by row as it lies on the disk: what a snapshot is made of. Thread-safe.
class Rows {
public:
    virtual ~Rows() = default;
    virtual std::uint64_t height() const = 0;
    /// In byte order, until `each` answers false.
    using Each = std::function<bool(std::string_view key, std::string_view value)>;
    virtual Status scan(const Each& each) const = 0;
};

/// Puts other rows in place of all that a state holds; takes effect in finish(), as a whole. A crash within it may
/// leave the state empty, at height 0.
class Loader {
public:
    virtual ~Loader() = default;
    /// Keys rise strictly. Errors: malformed (not a row of a state), out_of_order, io_error.
    virtual Status add(std::string_view key, std::string_view value) = 0;
    virtual Status finish() = 0;
};

/// The row that a state holds for a key: for what a channel begins with.
std::pair<std::string, std::string> make_row(std::string_view full_key, ByteView value, const Version& version);

/// The salted hash of a private value, if the row holds one.
std::optional<proto::PrivateWrite> private_write_in(std::string_view row_key, std::string_view row_value);

/// Versioned keys of one channel, in RocksDB (bounded caches and write buffers) behind this narrow interface.
class StateStore {
public:
    /// Errors: io_error, damaged (names the folder and what is wrong).
    static Result<std::unique_ptr<StateStore>> open(const std::filesystem::path& folder);
    /// Changes nothing, and needs none to be written to it meanwhile. Errors: io_error, damaged.
    static Result<std::unique_ptr<StateStore>> open_read_only(const std::filesystem::path& folder);
    virtual ~StateStore() = default;

    virtual std::uint64_t height() const = 0;  // 0: nothing applied yet
    virtual std::unique_ptr<Snapshot> snapshot() const = 0;
    /// Precondition: batch.height == height() + 1. Does not sync: blocks are durable first, and the state is rolled
    /// forward from them at start.
    virtual Status apply(const Batch& batch) = 0;

    virtual std::unique_ptr<Rows> rows() const = 0;
    /// What the rows then say is the height. No apply() between this and finish(). Error: io_error.
    virtual Result<std::unique_ptr<Loader>> loader() = 0;
};

/// Purgeable private values of one organisation: key -> (salt, value). Staged under the transaction until it commits.
class PrivateStore {
public:
    static Result<std::unique_ptr<PrivateStore>> open(const std::filesystem::path& folder);
    virtual ~PrivateStore() = default;
    /// Keeps what an endorsed proposal carried; entries of transactions that never commit are dropped after 10 minutes.
    virtual Status stage(const Hash& transaction, std::vector<proto::PrivateEntry> entries, base::TimePoint now) = 0;
    /// Moves staged entries that match `writes` into the store; returns the writes for which this node has no value.
    virtual Result<std::vector<proto::PrivateWrite>> commit(const Hash& transaction,
                                                            std::span<const proto::PrivateWrite> writes) = 0;
    /// Adds one fetched from a peer, if it hashes to `write`. Error: hash_mismatch.
    virtual Status accept(const proto::PrivateWrite& write, const proto::PrivateEntry& entry) = 0;
    virtual Result<std::optional<proto::PrivateEntry>> get(std::string_view key) const = 0;
    virtual Status purge(std::string_view key) = 0;
    /// These are committed, as a snapshot says: what this node has no value for is missing from now on.
    virtual Status expect(std::span<const proto::PrivateWrite> writes) = 0;
    /// Writes this node still lacks a value for (kept across restarts).
    virtual Result<std::vector<proto::PrivateWrite>> missing(std::size_t limit) const = 0;
};

/// SHA-256(lp(salt, key, value)).
Hash private_hash(ByteView salt, ByteView key, ByteView value);

}  // namespace fairstream::ledger::state
