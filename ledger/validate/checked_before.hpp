#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "ledger/validate/transaction_check.hpp"

namespace fairstream::ledger::validate {

/// Transactions that this process has checked and found good, byte for byte, until they come in a block: there they
/// need not be sent, parsed and checked again. Named by their leaf in the block's tree (merkle_leaf of their bytes).
/// What hangs on a certificate's validity or on the channel config itself is remembered as bytes only, so that it is
/// judged anew at the block's time. Bounded: the oldest are forgotten. Thread-safe.
class CheckedBefore {
public:
    using ChannelPtr = std::shared_ptr<const contract::Channel>;
    struct Bounds {
        std::size_t count = 16'384;
        std::size_t bytes = 8u << 20;  // of transactions; what was parsed takes about twice as much again
    };
    CheckedBefore() = default;
    explicit CheckedBefore(Bounds bounds) : bounds_(bounds) {}

    /// Precondition: `checked` is what check_form and verify_signatures made of `bytes` under `channel`, both valid.
    void keep(ByteView bytes, ChannelPtr channel, CheckedTransaction checked);
    /// Forgets the transaction. What was found under exactly this channel config, with `form` judged for `block_time`;
    /// nothing if it must be checked.
    std::optional<CheckedTransaction> take(const identity::crypto::Hash& leaf, const contract::Channel& channel,
                                           TimePoint block_time);
    /// Its bytes; null if it is not here.
    std::shared_ptr<const Bytes> bytes_of(const identity::crypto::Hash& leaf) const;

private:
    using Hash = identity::crypto::Hash;
    struct Entry {
        Hash leaf{};
        std::shared_ptr<const Bytes> bytes;
        ChannelPtr channel;
        std::optional<CheckedTransaction> checked;
    };
    using Entries = std::list<Entry>;
    struct FirstBytes {
        std::size_t operator()(const Hash& hash) const;
    };
    void erase(Entries::iterator entry);

    const Bounds bounds_{};
    mutable std::mutex mutex_;
    Entries entries_;  // the oldest first
    std::size_t bytes_ = 0;
    std::unordered_map<Hash, Entries::iterator, FirstBytes> by_leaf_;
};

}  // namespace fairstream::ledger::validate
