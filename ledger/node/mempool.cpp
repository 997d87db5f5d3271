#include "ledger/node/mempool.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/busy.hpp"

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {
constexpr auto kMaxAge = 60s;
/// Some blocks' time.
constexpr auto kRetryWhenFull = 250ms;
/// Tag and length of a transaction's field in the block.
constexpr std::size_t kFieldBytes = 8;
/// Room for the header.
constexpr std::size_t kHeaderBytes = 1024;
}  // namespace

Result<bool> Mempool::add(const Hash& id, const Hash& creator, Bytes transaction, std::chrono::microseconds now) {
    if (contains(id)) return false;
    const auto size = transaction.size();
    if (entries_.size() >= bounds_.max_count || bytes_ + size > bounds_.max_bytes)
        return fail(base::busy(fmt::format("{} transactions are waiting", entries_.size()), kRetryWhenFull));
    auto& own = creators_.try_emplace(creator, Creator{{}, 0, turn_}).first->second;
    if (own.entries.size() >= bounds_.creator_count || own.bytes + size > bounds_.creator_bytes) {
        auto error =
            base::busy(fmt::format("{} transactions of this creator are waiting", own.entries.size()), kRetryWhenFull);
        if (own.entries.empty()) creators_.erase(creator);
        return fail(std::move(error));
    }
    bytes_ += size;
    own.bytes += size;
    const auto entry = entries_.insert(entries_.end(), {id, creator, std::move(transaction), now, {}});
    entry->place = own.entries.insert(own.entries.end(), entry);
    by_id_.emplace(id, entry);
    return true;
}

std::vector<Bytes> Mempool::next_block() const {
    struct Turn {
        const Creator* creator;
        std::list<Entries::iterator>::const_iterator next;
    };
    std::vector<Turn> turns;
    turns.reserve(creators_.size());
    for (const auto& [name, creator] : creators_) turns.push_back({&creator, creator.entries.begin()});
    std::ranges::stable_sort(turns, {},
                             [](const Turn& turn) { return std::pair(turn.creator->served, (*turn.next)->since); });

    std::vector<Bytes> out;
    std::size_t bytes = kHeaderBytes;
    while (!turns.empty()) {
        for (auto& turn : turns) {
            if (out.size() == bounds_.block_transactions) return out;
            const auto& transaction = (*turn.next++)->transaction;
            if (bytes + transaction.size() + kFieldBytes > bounds_.block_bytes) {
                if (out.empty()) continue;  // it fits into no block
                return out;
            }
            bytes += transaction.size() + kFieldBytes;
            out.push_back(transaction);
        }
        std::erase_if(turns, [](const Turn& turn) { return turn.next == turn.creator->entries.end(); });
    }
    return out;
}

std::vector<Bytes> Mempool::waiting_since(std::chrono::microseconds since, std::size_t count) const {
    std::vector<Bytes> out;
    for (const auto& entry : entries_) {
        if (entry.since >= since || out.size() == count) break;
        out.push_back(entry.transaction);
    }
    return out;
}

void Mempool::remove(std::span<const Hash> ids) {
    for (const auto& id : ids)
        if (const auto found = by_id_.find(id); found != by_id_.end()) erase(found->second);
}

std::vector<Hash> Mempool::clear() {
    std::vector<Hash> ids;
    ids.reserve(entries_.size());
    for (const auto& entry : entries_) ids.push_back(entry.id);
    remove(ids);
    return ids;
}

void Mempool::set_block_limits(std::size_t transactions, std::size_t bytes) {
    bounds_.block_transactions = transactions;
    bounds_.block_bytes = bytes;
}

void Mempool::expire(std::chrono::microseconds now) {
    while (!entries_.empty() && now - entries_.front().since > kMaxAge) erase(entries_.begin());
}

void Mempool::erase(Entries::iterator entry) {
    const auto own = creators_.find(entry->creator);
    bytes_ -= entry->transaction.size();
    own->second.bytes -= entry->transaction.size();
    own->second.served = ++turn_;
    own->second.entries.erase(entry->place);
    if (own->second.entries.empty()) creators_.erase(own);
    by_id_.erase(entry->id);
    entries_.erase(entry);
}

order::Waiting Mempool::waiting() const {
    return {.any = !entries_.empty(),
            .full_block = entries_.size() >= bounds_.block_transactions ||
                          bytes_ + kHeaderBytes + entries_.size() * kFieldBytes >= bounds_.block_bytes};
}

}  // namespace fairstream::ledger::node
