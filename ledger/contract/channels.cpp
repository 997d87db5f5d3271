#include "ledger/contract/channels.hpp"

#include "base/assert.hpp"

namespace fairstream::ledger::contract {

Channels::Channels(std::shared_ptr<const Channel> genesis) : shared_(std::make_shared<Shared>()) {
    shared_->epochs.emplace_back(0, std::move(genesis));
}

std::shared_ptr<const Channel> Channels::at(std::uint64_t height) const {
    const std::lock_guard lock(shared_->mutex);
    auto epoch = shared_->epochs.rbegin();
    while (epoch->first > height) ++epoch;  // the first one begins at 0
    return epoch->second;
}

std::shared_ptr<const Channel> Channels::newest() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->epochs.back().second;
}

std::shared_ptr<const Channel> Channels::genesis() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->epochs.front().second;
}

std::vector<std::shared_ptr<const Channel>> Channels::all() const {
    const std::lock_guard lock(shared_->mutex);
    std::vector<std::shared_ptr<const Channel>> out;
    for (const auto& [height, channel] : shared_->epochs) out.push_back(channel);
    return out;
}

void Channels::add(std::uint64_t from_height, std::shared_ptr<const Channel> channel) {
    const std::lock_guard lock(shared_->mutex);
    const auto& [last_height, last] = shared_->epochs.back();
    FS_ASSERT(from_height > last_height && channel->epoch() == last->epoch() + 1);
    shared_->epochs.emplace_back(from_height, std::move(channel));
}

}  // namespace fairstream::ledger::contract
