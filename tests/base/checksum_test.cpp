#include "base/checksum.hpp"

#include <catch2/catch.hpp>

using namespace fairstream;

TEST_CASE("CRC-32C gives the vectors of RFC 3720, appendix B.4") {
    CHECK(base::crc32c(Bytes(32, 0x00)) == 0x8a9136aa);
    CHECK(base::crc32c(Bytes(32, 0xff)) == 0x62a8ab43);
    Bytes rising(32);
    for (std::uint8_t i = 0; i < 32; ++i) rising[i] = i;
    CHECK(base::crc32c(rising) == 0x46dd794e);
    CHECK(base::crc32c(as_bytes("123456789")) == 0xe3069283);
    CHECK(base::crc32c({}) == 0);
}
