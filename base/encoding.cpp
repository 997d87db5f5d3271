#include "base/encoding.hpp"

#include <algorithm>
#include <array>

namespace fairstream::base {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kMaxBase58Characters = 128;
constexpr std::uint8_t kNoDigit = 0xff;

using DigitTable = std::array<std::uint8_t, 256>;

constexpr DigitTable digits_of(std::string_view alphabet) {
    DigitTable table{};
    for (auto& value : table) value = kNoDigit;
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return table;
}

constexpr DigitTable kBase64Digits = digits_of(kBase64);
constexpr DigitTable kBase64UrlDigits = digits_of(kBase64Url);
constexpr DigitTable kBase58Digits = digits_of(kBase58);

tl::unexpected<Error> bad_character(std::string_view encoding, std::size_t position) {
    return fail("bad_encoding",
                "not " + std::string(encoding) + ": unexpected character at position " + std::to_string(position));
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string encode_base64(ByteView bytes, std::string_view alphabet, bool padded) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16;
        if (have > 1) group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8;
        if (have > 2) group |= bytes[i + 2];
        for (std::size_t k = 0; k < 4; ++k) {
            if (k <= have)
                text += alphabet[(group >> (18 - 6 * k)) & 63];
            else if (padded)
                text += '=';
        }
    }
    return text;
}

/// `text` without padding. Refuses a length that no encoder makes and bits that no encoder sets.
Result<Bytes> decode_base64(std::string_view text, const DigitTable& digits, std::string_view name) {
    const std::size_t tail = text.size() % 4;
    if (tail == 1)
        return fail("bad_encoding",
                    "not " + std::string(name) + ": truncated at position " + std::to_string(text.size()));
    Bytes bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::uint8_t digit = digits[static_cast<std::uint8_t>(text[i])];
        if (digit == kNoDigit) return bad_character(name, i);
        group = (group << 6) | digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<std::uint8_t>(group >> bits));
            group &= (1u << bits) - 1;
        }
    }
    if (group != 0)
        return fail("bad_encoding",
                    "not " + std::string(name) + ": stray bits at position " + std::to_string(text.size() - 1));
    return bytes;
}

}  // namespace

std::string to_hex(ByteView bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text += kHexDigits[byte >> 4];
        text += kHexDigits[byte & 15];
    }
    return text;
}

Result<Bytes> from_hex(std::string_view text) {
    if (text.size() % 2 != 0)
        return fail("bad_encoding", "not hex: odd length, truncated at position " + std::to_string(text.size()));
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0) return bad_character("hex", i);
        if (low < 0) return bad_character("hex", i + 1);
        bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return bytes;
}

std::string to_base64(ByteView bytes) {
    return encode_base64(bytes, kBase64, /*padded=*/true);
}

Result<Bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0)
        return fail("bad_encoding", "not base64: truncated at position " + std::to_string(text.size()));
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    return decode_base64(text, kBase64Digits, "base64");
}

std::string to_base64url(ByteView bytes) {
    return encode_base64(bytes, kBase64Url, /*padded=*/false);
}

Result<Bytes> from_base64url(std::string_view text) {
    return decode_base64(text, kBase64UrlDigits, "base64url");
}

std::string to_base58(ByteView bytes) {
    // Long division by 58, most significant byte first; `digits` is least significant first.
    std::vector<std::uint8_t> digits;
    for (const std::uint8_t byte : bytes) {
        unsigned carry = byte;
        for (auto& digit : digits) {
            carry += static_cast<unsigned>(digit) << 8;
            digit = static_cast<std::uint8_t>(carry % 58);
            carry /= 58;
        }
        for (; carry != 0; carry /= 58) digits.push_back(static_cast<std::uint8_t>(carry % 58));
    }
    std::string text;
    for (std::size_t i = 0; i < bytes.size() && bytes[i] == 0; ++i) text += kBase58[0];
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) text += kBase58[*digit];
    return text;
}

Result<Bytes> from_base58(std::string_view text) {
    if (text.size() > kMaxBase58Characters)
        return fail("bad_encoding", "not base58: " + std::to_string(text.size()) + " characters, at most " +
                                        std::to_string(kMaxBase58Characters) + " are allowed");
    Bytes reversed;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned carry = kBase58Digits[static_cast<std::uint8_t>(text[i])];
        if (carry == kNoDigit) return bad_character("base58", i);
        for (auto& byte : reversed) {
            carry += 58u * byte;
            byte = static_cast<std::uint8_t>(carry);
            carry >>= 8;
        }
        for (; carry != 0; carry >>= 8) reversed.push_back(static_cast<std::uint8_t>(carry));
    }
    for (std::size_t i = 0; i < text.size() && text[i] == kBase58[0]; ++i) reversed.push_back(0);
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
}

}  // namespace fairstream::base
