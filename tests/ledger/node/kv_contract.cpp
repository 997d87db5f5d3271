#include "tests/ledger/node/kv_contract.hpp"

#include <charconv>
#include <chrono>
#include <map>

namespace fairstream::tests {

using namespace ledger::contract;
using namespace std::chrono_literals;

namespace {

struct Pair {
    std::string_view key;
    std::string_view value;
};

Result<Pair> split(std::string_view text) {
    const auto at = text.find('=');
    if (at == std::string_view::npos || at == 0) return fail("bad_arguments", "expected key=value");
    return Pair{text.substr(0, at), text.substr(at + 1)};
}

Result<Bytes> put(Context& context, std::string_view text) {
    FS_ASSIGN(const auto pair, split(text));
    FS_TRY(context.put(pair.key, as_bytes(pair.value)));
    context.emit("put", as_bytes(text));
    return to_bytes(pair.key);
}

Result<Bytes> get(Context& context, std::string_view key) {
    FS_ASSIGN(auto entry, context.get(key));
    if (!entry) return fail("not_found", "no value under " + std::string(key));
    return std::move(entry->value);
}

Result<Bytes> add(Context& context, std::string_view text) {
    FS_ASSIGN(const auto pair, split(text));
    std::int64_t amount = 0;
    const auto parsed = std::from_chars(pair.value.data(), pair.value.data() + pair.value.size(), amount);
    if (parsed.ec != std::errc{}) return fail("bad_arguments", "not a number");
    FS_TRY(context.add(pair.key, amount, 0, 1000));
    return Bytes{};
}

Result<Bytes> count(Context& context, std::string_view key) {
    FS_ASSIGN(const auto value, context.integer(key));
    return to_bytes(std::string_view(std::to_string(value)));
}

Result<Bytes> append_text(Context& context, std::string_view text) {
    FS_ASSIGN(const auto pair, split(text));
    FS_ASSIGN(auto entry, context.get(pair.key));
    Bytes value = entry ? std::move(entry->value) : Bytes{};
    append(value, as_bytes(pair.value));
    FS_TRY(context.put(pair.key, value));
    return value;
}

Result<Bytes> hide(Context& context, std::string_view key) {
    if (context.private_inputs().empty()) return fail("bad_arguments", "private inputs are missing");
    FS_TRY(context.private_put(key, context.private_inputs()));
    return Bytes{};
}

Result<Bytes> reveal(Context& context, std::string_view key) {
    FS_ASSIGN(auto value, context.private_get(key));
    if (!value) return fail("not_found", "no private value under " + std::string(key));
    return std::move(*value);
}

Result<Bytes> late(Context& context, std::string_view) {
    context.require_after(context.created_at() + 1h);
    return Bytes{};
}

Result<Bytes> early(Context& context, std::string_view) {
    context.require_before(context.created_at() - 1h);
    return Bytes{};
}

class KvContract final : public Contract {
public:
    std::string_view name() const override { return "kv"; }
    Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const override {
        static const std::map<std::string_view, Result<Bytes> (*)(Context&, std::string_view)> functions = {
            {"Put", put},   {"Get", get},       {"Add", add},   {"Count", count}, {"Append", append_text},
            {"Hide", hide}, {"Reveal", reveal}, {"Late", late}, {"Early", early}};
        const auto found = functions.find(function);
        if (found == functions.end()) return fail("unknown_function", "no function " + std::string(function));
        return found->second(context, as_text(arguments));
    }
};

}  // namespace

std::shared_ptr<const Contract> kv_contract() {
    return std::make_shared<KvContract>();
}

}  // namespace fairstream::tests
