#include "ledger/receipt/receipt.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/support/consortium.hpp"

using namespace fairstream;

/// No receipt that a fuzzer makes is true: it knows no key of this consortium.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const tests::Consortium market({.organisations = 1}, {});
    if (ledger::receipt::verify_receipt(market.shared_channel(), {data, size})) __builtin_trap();
    return 0;
}
