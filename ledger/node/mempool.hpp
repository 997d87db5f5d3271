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

/// Checked transactions that wait for a block, in order of arrival. Bounded; one thread.
class Mempool {
public:
    struct Bounds {
        std::size_t max_count = 0;
        std::size_t max_bytes = 0;
        std::size_t block_transactions = 0;  // what makes a block full
        std::size_t block_bytes = 0;
    };
    explicit Mempool(Bounds bounds) : bounds_(bounds) {}

    /// False if it waits already. Error: busy (with a hint when to try again).
    Result<bool> add(const Hash& id, Bytes transaction, std::chrono::microseconds now);
    bool contains(const Hash& id) const { return by_id_.contains(id); }
    /// The oldest ones that fit into a block; they stay until they are committed.
    std::vector<Bytes> next_block() const;
    void remove(std::span<const Hash> ids);
    /// Drops what has waited for 60 s: block time has left it behind.
    void expire(std::chrono::microseconds now);

    std::size_t count() const { return by_id_.size(); }
    order::Waiting waiting() const;

private:
    struct Entry {
        Hash id{};
        Bytes transaction;
        std::chrono::microseconds since{};
    };
    void erase(std::list<Entry>::iterator entry);

    Bounds bounds_;
    std::size_t bytes_ = 0;
    std::list<Entry> entries_;
    std::map<Hash, std::list<Entry>::iterator> by_id_;
};

}  // namespace fairstream::ledger::node
