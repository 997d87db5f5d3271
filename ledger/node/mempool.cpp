#include "ledger/node/mempool.hpp"

#include <fmt/format.h>

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {
constexpr auto kMaxAge = 60s;
/// Tag and length of a transaction's field in the block.
constexpr std::size_t kFieldBytes = 8;
/// Room for the header.
constexpr std::size_t kHeaderBytes = 1024;
}  // namespace

Result<bool> Mempool::add(const Hash& id, Bytes transaction, std::chrono::microseconds now) {
    if (contains(id)) return false;
    if (entries_.size() >= bounds_.max_count || bytes_ + transaction.size() > bounds_.max_bytes)
        return fail("busy", fmt::format("{} transactions are waiting; try again in a second", entries_.size()));
    bytes_ += transaction.size();
    entries_.push_back({id, std::move(transaction), now});
    by_id_.emplace(id, std::prev(entries_.end()));
    return true;
}

std::vector<Bytes> Mempool::next_block() const {
    std::vector<Bytes> out;
    std::size_t bytes = kHeaderBytes;
    for (const auto& entry : entries_) {
        if (out.size() == bounds_.block_transactions) break;
        if (bytes + entry.transaction.size() + kFieldBytes > bounds_.block_bytes) {
            if (out.empty()) continue;
            break;
        }
        bytes += entry.transaction.size() + kFieldBytes;
        out.push_back(entry.transaction);
    }
    return out;
}

void Mempool::remove(std::span<const Hash> ids) {
    for (const auto& id : ids)
        if (const auto found = by_id_.find(id); found != by_id_.end()) erase(found->second);
}

void Mempool::expire(std::chrono::microseconds now) {
    while (!entries_.empty() && now - entries_.front().since > kMaxAge) erase(entries_.begin());
}

void Mempool::erase(std::list<Entry>::iterator entry) {
    bytes_ -= entry->transaction.size();
    by_id_.erase(entry->id);
    entries_.erase(entry);
}

order::Waiting Mempool::waiting() const {
    return {.any = !entries_.empty(),
            .full_block = entries_.size() >= bounds_.block_transactions ||
                          bytes_ + kHeaderBytes + entries_.size() * kFieldBytes >= bounds_.block_bytes};
}

}  // namespace fairstream::ledger::node
