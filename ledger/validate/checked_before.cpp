#include "ledger/validate/checked_before.hpp"

#include <cstring>

#include "base/assert.hpp"
#include "identity/crypto/merkle.hpp"
#include "ledger/contract/configure.hpp"

namespace fairstream::ledger::validate {

namespace {

/// Its verdict is the same at any time but for the creation time: a did:key is its key for ever, and endorsements hang
/// on the channel config alone.
bool holds_at_any_time(const proto::Proposal& proposal) {
    return proposal.creator().has_did() && proposal.contract() != contract::kChannelContract;
}

}  // namespace

std::size_t CheckedBefore::FirstBytes::operator()(const Hash& hash) const {
    std::size_t first = 0;
    std::memcpy(&first, hash.data(), sizeof first);
    return first;
}

void CheckedBefore::keep(ByteView bytes, ChannelPtr channel, CheckedTransaction checked) {
    FS_ASSERT(checked.form.valid() && checked.signatures.valid());
    Entry entry{identity::crypto::merkle_leaf(bytes), std::make_shared<const Bytes>(to_bytes(bytes)),
                std::move(channel), std::nullopt};
    if (holds_at_any_time(checked.proposal)) {
        checked.transaction = {};  // nobody looks at it any more; Clear() would keep its parts
        entry.checked = std::move(checked);
    }
    const std::lock_guard lock(mutex_);
    if (const auto known = by_leaf_.find(entry.leaf); known != by_leaf_.end()) erase(known->second);
    while (!entries_.empty() && (entries_.size() >= bounds_.count || bytes_ + bytes.size() > bounds_.bytes))
        erase(entries_.begin());
    bytes_ += bytes.size();
    const auto leaf = entry.leaf;
    by_leaf_.emplace(leaf, entries_.insert(entries_.end(), std::move(entry)));
}

std::optional<CheckedTransaction> CheckedBefore::take(const Hash& leaf, const contract::Channel& channel,
                                                      TimePoint block_time) {
    std::optional<CheckedTransaction> checked;
    {
        const std::lock_guard lock(mutex_);
        const auto found = by_leaf_.find(leaf);
        if (found == by_leaf_.end()) return std::nullopt;
        if (found->second->channel.get() == &channel) checked = std::move(found->second->checked);
        erase(found->second);
    }
    if (checked) checked->form = check_creation_time(checked->proposal, block_time);
    return checked;
}

std::shared_ptr<const Bytes> CheckedBefore::bytes_of(const Hash& leaf) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_leaf_.find(leaf);
    return found == by_leaf_.end() ? nullptr : found->second->bytes;
}

void CheckedBefore::erase(Entries::iterator entry) {
    bytes_ -= entry->bytes->size();
    by_leaf_.erase(entry->leaf);
    entries_.erase(entry);
}

}  // namespace fairstream::ledger::validate
