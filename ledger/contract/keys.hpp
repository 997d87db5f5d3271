#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// How contracts' keys and values lie in the channel's state: "<contract>/<key>". Keys of a contract begin with a byte
/// below '~'; what lies from there on is the ledger's own: "<contract>/~private/<key>" holds the salted hash of a
/// private value.
namespace fairstream::ledger::contract {

/// Contracts' and channels' names: 1 to 64 of a-z 0-9 _ -. Functions' and events': 1 to 64 of A-Z a-z 0-9 _ . -
bool is_contract_name(std::string_view name);
bool is_function_name(std::string_view name);

/// Error: bad_key (empty, over 256 bytes, or beginning with '~' or a byte above it).
Status check_key(std::string_view key);

std::string full_key(std::string_view contract, std::string_view key);
std::string private_key(std::string_view contract, std::string_view key);
/// The end of what a contract's own keys may be, as a full key.
std::string end_of_keys(std::string_view contract);

/// An integer value is 8 bytes, two's complement, big-endian.
Bytes encode_integer(std::int64_t value);
/// Error: not_an_integer.
Result<std::int64_t> decode_integer(ByteView value);

/// For reasons and messages: as it is if printable ASCII, else escaped (\x00); cut at 200 characters.
std::string printable(std::string_view key);

}  // namespace fairstream::ledger::contract
