#pragma once

#include <optional>
#include <string_view>

#include "ledger/contract/channel.hpp"

namespace fairstream::ledger::contract {

/// What a node votes and endorses with: its key and, while the consortium is asked to replace that, the one to come.
/// The channel config in force says which of them counts.
class NodeKeys {
public:
    NodeKeys(identity::crypto::SigningKey key,  // NOLINT(google-explicit-constructor): one key is the usual case
             std::optional<identity::crypto::SigningKey> next = std::nullopt)
        : key_(std::move(key)), next_(std::move(next)) {}

    /// The key that `channel` lists for `node`; nothing if the node is no member, or lists a key that is not here.
    const identity::crypto::SigningKey* listed(const Channel& channel, std::string_view node) const {
        const auto* const entry = channel.node(node);
        if (entry == nullptr) return nullptr;
        if (entry->key == key_.public_key()) return &key_;
        return next_ && entry->key == next_->public_key() ? &*next_ : nullptr;
    }

private:
    identity::crypto::SigningKey key_;
    std::optional<identity::crypto::SigningKey> next_;
};

}  // namespace fairstream::ledger::contract
