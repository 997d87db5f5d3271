#include "benchmarks/ledger_contract.hpp"

#include <fmt/format.h>

#include <limits>

namespace fairstream::benchmarks {

using ledger::contract::Context;

namespace {

constexpr std::string_view kHotAccount = "hot";

/// Arguments: u32 length of the key | key | value.
Status put(Context& context, ByteView arguments) {
    if (arguments.size() < 4 || arguments.size() - 4 < base::read_u32(arguments))
        return fail("bad_arguments", "expected a key and a value");
    const auto key = as_text(arguments.subspan(4, base::read_u32(arguments)));
    FS_TRY(context.get(key));
    return context.put(key, arguments.subspan(4 + key.size()));
}

class LedgerContract final : public ledger::contract::Contract {
public:
    std::string_view name() const override { return kContract; }
    Result<Bytes> invoke(Context& context, std::string_view function, ByteView arguments) const override {
        if (function != kPut && function != kPutHot)
            return fail("unknown_function", "no function " + std::string(function));
        FS_TRY(put(context, arguments));
        if (function == kPutHot) FS_TRY(context.add(kHotAccount, 1, 0, std::numeric_limits<std::int64_t>::max()));
        return Bytes{};
    }
};

}  // namespace

std::shared_ptr<const ledger::contract::Contract> ledger_contract() {
    return std::make_shared<LedgerContract>();
}

std::string key_of(std::uint64_t index) {
    return fmt::format("{:012}", index);
}

Bytes put_arguments(std::string_view key, ByteView value) {
    Bytes out;
    out.reserve(4 + key.size() + value.size());
    base::append_u32(out, static_cast<std::uint32_t>(key.size()));
    append(out, as_bytes(key));
    append(out, value);
    return out;
}

}  // namespace fairstream::benchmarks
