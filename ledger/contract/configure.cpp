#include "ledger/contract/configure.hpp"

#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::contract {

Result<Bytes> configure(const Channel& channel, Context& context, std::string_view function, ByteView arguments) {
    if (function != kConfigureFunction) return fail("unknown_function", "the contract channel has only Configure");
    if (!context.caller().contract.empty())
        return fail("unauthorized", "a contract cannot change the channel config; a transaction of its own can");
    const auto update = proto::decode<proto::ConfigUpdate>(arguments);
    if (!update) return fail("bad_arguments", update.error().message);
    FS_TRY(channel.successor(*update, context.created_at()));
    FS_TRY(context.get(kConfigKey));  // two changes in one block: the second is a read conflict
    FS_TRY(context.put(kConfigKey, as_bytes(update->config())));
    return Bytes{};
}

}  // namespace fairstream::ledger::contract
