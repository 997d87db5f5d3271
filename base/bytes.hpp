#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fairstream::base {

/// Owned bytes, and a view of somebody else's.
using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}
inline Bytes to_bytes(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}
inline std::string to_string(ByteView bytes) {
    return std::string(as_text(bytes));
}
inline void append(Bytes& to, ByteView more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// Big-endian integers, as every wire format of ours writes them.
void append_u16(Bytes& to, std::uint16_t value);
void append_u32(Bytes& to, std::uint32_t value);
void append_u64(Bytes& to, std::uint64_t value);
/// Precondition: `from` holds at least 2, 4, 8 bytes.
std::uint16_t read_u16(ByteView from);
std::uint32_t read_u32(ByteView from);
std::uint64_t read_u64(ByteView from);

/// lp(x, y, ...): each part as u32 big-endian length, then its bytes. What is hashed or signed over several parts is
/// written this way, so that no two different lists of parts give the same bytes.
class LengthPrefixed {
public:
    LengthPrefixed& add(ByteView part);
    LengthPrefixed& add(std::string_view part) { return add(as_bytes(part)); }
    const Bytes& bytes() const { return bytes_; }

private:
    Bytes bytes_;
};

template <typename... Parts>
Bytes lp(const Parts&... parts) {
    LengthPrefixed out;
    (out.add(parts), ...);
    return out.bytes();
}

/// Takes the same time whatever the contents; false at once if the lengths differ.
bool equal_constant_time(ByteView a, ByteView b);

}  // namespace fairstream::base

namespace fairstream {
using base::append;
using base::as_bytes;
using base::as_text;
using base::Bytes;
using base::ByteView;
using base::to_bytes;
}  // namespace fairstream
