#include "ledger/contract/channel.hpp"
#include "ledger/order/leaders.hpp"
#include "ledger/order/messages.hpp"
#include "ledger/order/records.hpp"
#include "ledger/proto/wire.hpp"

using namespace fairstream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes{data, size};
    static_cast<void>(ledger::contract::parse_proposal(bytes));
    static_cast<void>(ledger::contract::Channel::make(bytes));
    static_cast<void>(ledger::order::hash_of(bytes));
    static_cast<void>(ledger::order::decode_absences(bytes));
    static_cast<void>(ledger::order::vote_position(bytes));
    // Two records of a vote log, split where the first byte says.
    const auto first = std::min<std::size_t>(size, size == 0 ? 0 : data[0] + 1u);
    static_cast<void>(
        ledger::order::recover(std::vector{to_bytes(bytes.first(first)), to_bytes(bytes.subspan(first))}));
    if (const auto message = ledger::proto::decode<ledger::proto::OrderMessage>(bytes))
        static_cast<void>(ledger::order::position_of(*message));
    return 0;
}
