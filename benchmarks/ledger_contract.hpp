#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ledger/contract/context.hpp"

namespace fairstream::benchmarks {

/// The contract of the measured network, in no other: one read and one write of a value under a key of its own.
std::shared_ptr<const ledger::contract::Contract> ledger_contract();

inline constexpr char kContract[] = "bench";
inline constexpr char kPut[] = "Put";        // arguments of put_arguments; reads the key, writes the value
inline constexpr char kPutHot[] = "PutHot";  // the same, and adds 1 to the account that all share

/// Key number `index` of all that a measurement may use; they rise with it.
std::string key_of(std::uint64_t index);
Bytes put_arguments(std::string_view key, ByteView value);

}  // namespace fairstream::benchmarks
