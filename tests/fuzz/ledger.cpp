#include "ledger/contract/channel.hpp"
#include "ledger/order/messages.hpp"
#include "ledger/order/records.hpp"

using namespace fairstream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes{data, size};
    static_cast<void>(ledger::contract::parse_proposal(bytes));
    static_cast<void>(ledger::contract::Channel::make(bytes));
    static_cast<void>(ledger::order::hash_of(bytes));
    return 0;
}
