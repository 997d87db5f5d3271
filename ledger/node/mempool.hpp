#pragma once

#include <chrono>
#include <list>
#include <map>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/hash.hpp"
#include "ledger/order/replica.hpp"

namespace fairstream::ledger::node {

using identity::crypto::Hash;

/// Checked transactions that wait for a block. Bounded as a whole and for each creator; a block takes from the creators
/// by turns, so that one that sends thousands delays the others by one transaction each. A creator's own stay in order
/// of arrival. One thread.
class Mempool {
public:
    struct Bounds {
        std::size_t max_count = 0;
        std::size_t max_bytes = 0;
        std::size_t block_transactions = 0;  // what makes a block full
        std::size_t block_bytes = 0;
        std::size_t creator_count = max_count;  // of one creator
        std::size_t creator_bytes = max_bytes;
    };
    explicit Mempool(Bounds bounds) : bounds_(bounds) {}

    /// `creator`: any hash that names it. False if the transaction waits already. Error: busy (base::retry_after).
    Result<bool> add(const Hash& id, const Hash& creator, Bytes transaction, std::chrono::microseconds now);
    bool contains(const Hash& id) const { return by_id_.contains(id); }
    /// What the next block should take: by turns, who had a transaction committed longest ago first. They stay until
    /// they are committed.
    std::vector<Bytes> next_block() const;
    void remove(std::span<const Hash> ids);
    /// Forgets all; their ids.
    std::vector<Hash> clear();
    /// What makes a block full from now on.
    void set_block_limits(std::size_t transactions, std::size_t bytes);
    /// Drops what has waited for 60 s: block time has left it behind.
    void expire(std::chrono::microseconds now);
    /// At most `count` that have waited since before `since`, the oldest first.
    std::vector<Bytes> waiting_since(std::chrono::microseconds since, std::size_t count) const;

    std::size_t count() const { return by_id_.size(); }
    order::Waiting waiting() const;

private:
    struct Entry;
    using Entries = std::list<Entry>;
    struct Entry {
        Hash id{};
        Hash creator{};
        Bytes transaction;
        std::chrono::microseconds since{};
        std::list<Entries::iterator>::iterator place{};  // among its creator's
    };
    struct Creator {
        std::list<Entries::iterator> entries;
        std::size_t bytes = 0;
        std::uint64_t served = 0;  // when one of its transactions last left
    };
    void erase(Entries::iterator entry);

    Bounds bounds_;
    std::size_t bytes_ = 0;
    Entries entries_;  // in order of arrival
    std::map<Hash, Entries::iterator> by_id_;
    std::map<Hash, Creator> creators_;
    std::uint64_t turn_ = 0;
};

}  // namespace fairstream::ledger::node
