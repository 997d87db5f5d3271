#include "ledger/contract/keys.hpp"

#include <algorithm>

#include "ledger/contract/limits.hpp"

namespace fairstream::ledger::contract {

namespace {

constexpr char kReserved = '~';
constexpr std::string_view kPrivate = "~private/";
constexpr std::size_t kMaxPrintable = 200;

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

template <typename Allowed>
bool is_name(std::string_view name, Allowed allowed) {
    return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

bool is_contract_name(std::string_view name) {
    return is_name(name, [](char c) { return is_lower_or_digit(c) || c == '_' || c == '-'; });
}

bool is_function_name(std::string_view name) {
    return is_name(name, [](char c) {
        return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
    });
}

Status check_key(std::string_view key) {
    if (key.empty()) return fail("bad_key", "a key is empty");
    if (key.size() > kMaxKeyBytes)
        return fail("bad_key", "a key has " + std::to_string(key.size()) + " bytes, at most 256 are allowed");
    if (static_cast<std::uint8_t>(key[0]) >= static_cast<std::uint8_t>(kReserved))
        return fail("bad_key", "the key " + printable(key) + " begins with '~' or a byte above it");
    return {};
}

std::string full_key(std::string_view contract, std::string_view key) {
    std::string out(contract);
    out += '/';
    out += key;
    return out;
}

std::string private_key(std::string_view contract, std::string_view key) {
    return full_key(contract, kPrivate).append(key);
}

std::string end_of_keys(std::string_view contract) {
    return full_key(contract, std::string_view(&kReserved, 1));
}

Bytes encode_integer(std::int64_t value) {
    Bytes out;
    base::append_u64(out, static_cast<std::uint64_t>(value));
    return out;
}

Result<std::int64_t> decode_integer(ByteView value) {
    if (value.size() != 8)
        return fail("not_an_integer", "a value of " + std::to_string(value.size()) + " bytes is not an integer");
    return static_cast<std::int64_t>(base::read_u64(value));
}

std::string printable(std::string_view key) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (const char c : key) {
        if (out.size() >= kMaxPrintable) return out + "...";
        const auto byte = static_cast<std::uint8_t>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '\\') {
            out += c;
        } else {
            out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
    return out;
}

}  // namespace fairstream::ledger::contract
