#pragma once

#include <string_view>

#include "ledger/contract/channel.hpp"

/// The ledger's own contract "channel": one function, Configure(ConfigUpdate), that replaces the channel config from
/// the next block on. Endorsers run it like any other; every node checks the admins' approvals again when it commits,
/// and lets no other transaction write under the contract's name.
namespace fairstream::ledger::contract {

constexpr std::string_view kChannelContract = "channel";
constexpr std::string_view kConfigureFunction = "Configure";
constexpr std::string_view kConfigKey = "config";  // of the contract: the newest ChannelConfig above epoch 1
constexpr std::string_view kFullConfigKey = "channel/config";  // the same in the state

/// Runs Configure. Errors: unknown_function, bad_arguments, unauthorized (called by a contract), and those of
/// Channel::successor.
Result<Bytes> configure(const Channel& channel, Context& context, std::string_view function, ByteView arguments);

}  // namespace fairstream::ledger::contract
