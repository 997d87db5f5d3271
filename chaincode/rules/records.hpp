#pragma once

#include <string>

#include "base/encoding.hpp"
#include "ledger/contract/context.hpp"
#include "ledger/contract/stored.hpp"

/// Reading, calling and telling, as contracts do it.
namespace fairstream::chaincode::rules {

using ledger::contract::Context;
using ledger::contract::load;
using ledger::contract::store;
using ledger::proto::as_field;

/// The record under `key`. Error: not_found, naming `what`.
template <typename Record>
Result<Record> require(Context& context, std::string_view key, std::string_view what) {
    FS_ASSIGN(auto found, load<Record>(context, key));
    if (!found) return fail("not_found", "no such " + std::string(what));
    return std::move(*found);
}

/// Calls another contract. Errors: the callee's, and bad_answer.
template <typename Reply, typename Request>
Result<Reply> call(Context& context, std::string_view contract, std::string_view function, const Request& request) {
    FS_ASSIGN(const auto answer, context.call(contract, function, ledger::proto::encode(request)));
    Reply reply;
    if (!reply.ParseFromArray(answer.data(), static_cast<int>(answer.size())))
        return fail("bad_answer", std::string(contract) + "." + std::string(function) + " answered something else");
    return reply;
}

template <typename Payload>
void emit(Context& context, std::string_view name, const Payload& payload) {
    context.emit(name, ledger::proto::encode(payload));
}

/// 20 digits: keys of numbers sort as the numbers do.
inline std::string sortable(std::uint64_t number) {
    const auto digits = std::to_string(number);
    return std::string(20 - digits.size(), '0') + digits;
}

/// Two ids of 32 hex digits for what a transaction makes: the halves of its own id.
inline std::string first_id(const Context& context) {
    return base::to_hex(ByteView(context.transaction_id()).first(16));
}
inline std::string second_id(const Context& context) {
    return base::to_hex(ByteView(context.transaction_id()).last(16));
}

/// The least key above every key that begins with `prefix`. Precondition: its last byte is below 0xff.
inline std::string end_of_prefix(std::string prefix) {
    ++prefix.back();
    return prefix;
}
/// The least key above `key`.
inline std::string just_after(std::string key) {
    key.push_back('\0');
    return key;
}

}  // namespace fairstream::chaincode::rules
