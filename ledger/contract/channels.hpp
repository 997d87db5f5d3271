#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "ledger/contract/channel.hpp"

namespace fairstream::ledger::contract {

/// Which channel config is in force at which height: the epochs from genesis on. A handle: copies share what they hold,
/// so that all parts of a node see a new epoch as soon as the block that brought it is applied. Thread-safe.
class Channels {
public:
    Channels(std::shared_ptr<const Channel> genesis);  // NOLINT(google-explicit-constructor): one epoch is a history

    /// In force for the block of `height`; for heights to come, as far as is known.
    std::shared_ptr<const Channel> at(std::uint64_t height) const;
    std::shared_ptr<const Channel> newest() const;
    std::shared_ptr<const Channel> genesis() const;
    /// Every epoch known, oldest first.
    std::vector<std::shared_ptr<const Channel>> all() const;

    /// `channel` is in force from block `from_height` on. Precondition: it follows the newest.
    void add(std::uint64_t from_height, std::shared_ptr<const Channel> channel);

private:
    struct Shared {
        mutable std::mutex mutex;
        std::vector<std::pair<std::uint64_t, std::shared_ptr<const Channel>>> epochs;  // by first height
    };
    std::shared_ptr<Shared> shared_;
};

}  // namespace fairstream::ledger::contract
