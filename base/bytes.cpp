#include "base/bytes.hpp"

namespace fairstream::base {

namespace {

template <typename Integer>
void append_big_endian(Bytes& to, Integer value) {
    for (int shift = 8 * (sizeof(Integer) - 1); shift >= 0; shift -= 8)
        to.push_back(static_cast<std::uint8_t>(value >> shift));
}

template <typename Integer>
Integer read_big_endian(ByteView from) {
    Integer value = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i) value = static_cast<Integer>((value << 8) | from[i]);
    return value;
}

}  // namespace

void append_u16(Bytes& to, std::uint16_t value) {
    append_big_endian(to, value);
}
void append_u32(Bytes& to, std::uint32_t value) {
    append_big_endian(to, value);
}
void append_u64(Bytes& to, std::uint64_t value) {
    append_big_endian(to, value);
}
std::uint16_t read_u16(ByteView from) {
    return read_big_endian<std::uint16_t>(from);
}
std::uint32_t read_u32(ByteView from) {
    return read_big_endian<std::uint32_t>(from);
}
std::uint64_t read_u64(ByteView from) {
    return read_big_endian<std::uint64_t>(from);
}

LengthPrefixed& LengthPrefixed::add(ByteView part) {
    append_u32(bytes_, static_cast<std::uint32_t>(part.size()));
    append(bytes_, part);
    return *this;
}

bool equal_constant_time(ByteView a, ByteView b) {
    if (a.size() != b.size()) return false;
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

}  // namespace fairstream::base
