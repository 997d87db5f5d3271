#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"
#include "identity/msp/trusted_organisations.hpp"

namespace fairstream::ledger::contract {

/// Where a key was last written: block height and position in it.
struct Version {
    std::uint64_t block = 0;
    std::uint32_t index = 0;
    auto operator<=>(const Version&) const = default;
};

struct Entry {
    std::string key;  // as the contract named it
    Bytes value;
    Version version;
};

/// Who called this function. Exactly one of `did` and `member` is set for the transaction's creator; `contract` is set
/// when another contract called, and then says which.
struct Caller {
    std::string did;
    std::optional<identity::msp::MemberIdentity> member;
    std::string contract;

    /// Whoever created the transaction: the DID, or "org:<organisation>/<name>": a name for records and accounts.
    std::string id() const;
};

/// All that a contract sees (ledger.md, "Contracts"): no clock, randomness, I/O, floating point or iteration over
/// unordered containers. Keys are the contract's own: two contracts never meet in one. Keys are 1 to 256 bytes and
/// begin with a byte below '~'; values at most 1 MiB. Reads see this transaction's own writes and deltas; what it wrote
/// itself has version 0/0. One key is either written or added to in a transaction (mixed_access), but for an addition
/// to an integer that it wrote before.
///
/// Errors of all: bad_key, too_large, too_many (bounds of ledger/contract/limits.hpp), and those of the state.
class Context {
public:
    virtual ~Context() = default;

    virtual Result<std::optional<Entry>> get(std::string_view key) = 0;
    virtual Status put(std::string_view key, ByteView value) = 0;
    virtual Status del(std::string_view key) = 0;
    /// Committed entries with start <= key < end, in byte order, at most `limit` (<= 1000). An empty `end` means to the
    /// end.
    virtual Result<std::vector<Entry>> range(std::string_view start, std::string_view end, std::uint32_t limit) = 0;

    /// Records a commutative delta on the signed 64-bit integer under `key` (absent: 0), instead of a read and a write.
    /// Fails early (out_of_bounds) if the committed value plus this transaction's deltas leaves [min, max]; the
    /// validator decides.
    virtual Status add(std::string_view key, std::int64_t amount, std::int64_t min, std::int64_t max) = 0;
    /// The integer under `key` as committed, with this transaction's deltas; records a read.
    virtual Result<std::int64_t> integer(std::string_view key) = 0;

    /// Guards on block time: the transaction is valid only in a block later / earlier than `t`.
    virtual void require_after(TimePoint t) = 0;
    virtual void require_before(TimePoint t) = 0;

    virtual const Caller& caller() const = 0;
    virtual TimePoint created_at() const = 0;  // of the proposal
    virtual const identity::crypto::Hash& transaction_id() const = 0;
    virtual std::string_view channel() const = 0;
    /// Organisations of the channel config with their custodian keys, in roster order.
    struct RosterEntry {
        std::string organisation;
        Bytes custodian_key;
    };
    virtual const std::vector<RosterEntry>& roster() const = 0;
    virtual std::uint32_t custody_threshold() const = 0;
    /// Hash of a decided block. Error: not_decided (retry later).
    virtual Result<identity::crypto::Hash> block_hash(std::uint64_t height) = 0;

    virtual void emit(std::string_view name, ByteView payload) = 0;

    /// Private inputs of this proposal; empty if it has none.
    virtual ByteView private_inputs() const = 0;
    /// Puts `value` into the consortium's private stores and its salted hash on the ledger, under one key. Error:
    /// no_salt (the proposal has no private inputs).
    virtual Status private_put(std::string_view key, ByteView value) = 0;
    /// Errors: private_missing (this node has not fetched it yet; retry).
    virtual Result<std::optional<Bytes>> private_get(std::string_view key) = 0;

    /// Calls another contract in this transaction; it sees this contract as its caller. A call that fails leaves no
    /// writes, deltas or events behind. Errors: unknown_contract, call_too_deep (8), and the function's own.
    virtual Result<Bytes> call(std::string_view contract, std::string_view function, ByteView arguments) = 0;
};

/// A contract: named functions over protobuf messages (`Functions` makes them from typed members).
class Contract {
public:
    virtual ~Contract() = default;
    virtual std::string_view name() const = 0;
    /// Errors: unknown_function, bad_arguments, and the function's own.
    virtual Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const = 0;
};

using Contracts = std::vector<std::shared_ptr<const Contract>>;

}  // namespace fairstream::ledger::contract
