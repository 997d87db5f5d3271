#include "base/checksum.hpp"

#include <boost/crc.hpp>

namespace fairstream::base {

std::uint32_t crc32c(ByteView data) {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(data.data(), data.size());
    return crc.checksum();
}

}  // namespace fairstream::base
