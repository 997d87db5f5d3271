#pragma once

#include "tests/support/consortium.hpp"

/// A small contract that touches everything a Context offers, one step per function. Arguments are text,
/// "key", "key=value" or "key amount min max".
namespace fairstream::tests {

using ledger::contract::Context;

inline std::vector<std::string> words(ByteView arguments, char separator = ' ') {
    std::vector<std::string> out(1);
    for (const char c : as_text(arguments)) {
        if (c == separator) {
            out.emplace_back();
        } else {
            out.back() += c;
        }
    }
    return out;
}

inline Result<Bytes> nothing(const Status& status) {
    if (!status) return fail(status.error());
    return Bytes{};
}

inline std::shared_ptr<const ledger::contract::Contract> notes_contract(std::string name = "notes") {
    std::map<std::string, LambdaContract::Function, std::less<>> functions;
    functions["Put"] = [](Context& context, ByteView arguments) {
        const auto parts = words(arguments, '=');
        return nothing(context.put(parts.at(0), as_bytes(parts.at(1))));
    };
    functions["Delete"] = [](Context& context, ByteView arguments) { return nothing(context.del(as_text(arguments))); };
    functions["Get"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        FS_ASSIGN(const auto entry, context.get(as_text(arguments)));
        return entry ? entry->value : to_bytes("(none)");
    };
    // Reads one key and writes another: stale as soon as the first changes.
    functions["Copy"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        const auto parts = words(arguments, '=');
        FS_ASSIGN(const auto entry, context.get(parts.at(0)));
        FS_TRY(context.put(parts.at(1), entry ? ByteView(entry->value) : as_bytes("(none)")));
        return Bytes{};
    };
    functions["List"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        const auto parts = words(arguments, '=');
        FS_ASSIGN(const auto entries, context.range(parts.at(0), parts.at(1), 10));
        std::string out;
        for (const auto& entry : entries) out += entry.key + "=" + base::to_string(entry.value) + ";";
        return to_bytes(out);
    };
    functions["Count"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        const auto parts = words(arguments, '=');
        FS_ASSIGN(const auto entries, context.range(parts.at(0), parts.at(1), 10));
        FS_TRY(context.put("count", as_bytes(std::to_string(entries.size()))));
        return Bytes{};
    };
    functions["Add"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        const auto parts = words(arguments);
        for (std::size_t i = 0; i + 3 < parts.size(); i += 4)
            FS_TRY(context.add(parts[i], std::stoll(parts[i + 1]), std::stoll(parts[i + 2]), std::stoll(parts[i + 3])));
        return Bytes{};
    };
    functions["Integer"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        FS_ASSIGN(const auto value, context.integer(as_text(arguments)));
        return to_bytes(std::to_string(value));
    };
    functions["After"] = [](Context& context, ByteView arguments) {
        context.require_after(base::from_us(std::stoull(std::string(as_text(arguments)))));
        return Result<Bytes>(Bytes{});
    };
    functions["Before"] = [](Context& context, ByteView arguments) {
        context.require_before(base::from_us(std::stoull(std::string(as_text(arguments)))));
        return Result<Bytes>(Bytes{});
    };
    functions["Emit"] = [](Context& context, ByteView arguments) {
        context.emit(as_text(arguments), to_bytes("payload"));
        return Result<Bytes>(Bytes{});
    };
    functions["Hide"] = [](Context& context, ByteView arguments) {
        return nothing(context.private_put(as_text(arguments), context.private_inputs()));
    };
    functions["Reveal"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        FS_ASSIGN(auto value, context.private_get(as_text(arguments)));
        return value ? *value : to_bytes("(none)");
    };
    functions["WhoAmI"] = [](Context& context, ByteView) -> Result<Bytes> {
        return to_bytes(context.caller().id() + " via " + context.caller().contract);
    };
    // "contract function arguments"; a failure of the call is answered, not passed on.
    functions["Try"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        const auto parts = words(arguments);
        const auto answer = context.call(parts.at(0), parts.at(1), as_bytes(parts.at(2)));
        return answer ? *answer : to_bytes("failed: " + answer.error().code);
    };
    functions["PutThenFail"] = [](Context& context, ByteView arguments) -> Result<Bytes> {
        FS_TRY(context.put(as_text(arguments), as_bytes("half")));
        context.emit("Half", {});
        return fail("changed_my_mind", "after a write");
    };
    functions["Recurse"] = [name](Context& context, ByteView arguments) {
        return context.call(name, "Recurse", arguments);
    };
    return std::make_shared<LambdaContract>(std::move(name), std::move(functions));
}

}  // namespace fairstream::tests
