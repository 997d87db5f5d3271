#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace fairstream::base {

/// CRC-32C (Castagnoli, RFC 3720): finds torn and rotten file records. No defence against anyone: hashes and signatures
/// are.
std::uint32_t crc32c(ByteView data);

}  // namespace fairstream::base
