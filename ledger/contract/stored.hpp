#pragma once

#include "ledger/contract/context.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::contract {

/// Protobuf records under keys. `load` answers nothing for an absent key; a record that does not parse is
/// `corrupt_state`.
template <typename Record>
Result<std::optional<Record>> load(Context& context, std::string_view key) {
    FS_ASSIGN(auto entry, context.get(key));
    if (!entry) return std::optional<Record>{};
    Record record;
    if (!record.ParseFromArray(entry->value.data(), static_cast<int>(entry->value.size())))
        return fail("corrupt_state", "the record under " + std::string(key) + " does not parse");
    return std::optional<Record>{std::move(record)};
}

template <typename Record>
Status store(Context& context, std::string_view key, const Record& record) {
    return context.put(key, proto::encode(record));
}

}  // namespace fairstream::ledger::contract
