#include "base/encoding.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace fairstream;
using namespace fairstream::base;

namespace {

std::string error_of(const Result<Bytes>& result) {
    return result ? "accepted" : result.error().code;
}

}  // namespace

TEST_CASE("hex is written in lower case and read in either") {
    const Bytes bytes{0x00, 0x0f, 0xa5, 0xff};
    CHECK(to_hex(bytes) == "000fa5ff");
    CHECK(from_hex("000fa5ff").value() == bytes);
    CHECK(from_hex("000FA5fF").value() == bytes);
    CHECK(from_hex("").value().empty());
}

TEST_CASE("what is not hex is refused with its position") {
    CHECK(error_of(from_hex("abc")) == "bad_encoding");
    CHECK(from_hex("ab0x").error().message == "not hex: unexpected character at position 3");
    CHECK(error_of(from_hex(" ab")) == "bad_encoding");
    CHECK(error_of(from_hex(std::string_view("a\0", 2))) == "bad_encoding");
}

TEST_CASE("base64 gives the vectors of RFC 4648, section 10") {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, encoded] : vectors) {
        CHECK(to_base64(as_bytes(plain)) == encoded);
        CHECK(from_base64(encoded).value() == to_bytes(std::string_view(plain)));
    }
    CHECK(to_base64url(Bytes{0xfb, 0xff, 0xfe}) == "-__-");
    CHECK(to_base64(Bytes{0xfb, 0xff, 0xfe}) == "+//+");
    CHECK(to_base64url(as_bytes("f")) == "Zg");
}

TEST_CASE("base64 that no strict encoder writes is refused") {
    for (const auto* bad :
         {"Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v====", "Zh==", "Zm9=", "Zm9 ", "Zm\n9", "Zg==Zg==", "Zm9-"})
        CHECK(error_of(from_base64(bad)) == "bad_encoding");
    for (const auto* bad : {"Zg==", "Z", "Zh", "Zm9", "Zm8=", "Zm8+", "Zm 8", "ZmFzZ"})
        if (std::string_view(bad) != "Zm9") CHECK(error_of(from_base64url(bad)) == "bad_encoding");
    CHECK(error_of(from_base64url("Zm9")) == "bad_encoding");  // stray bits
    CHECK(from_base64url("Zm8").value() == to_bytes(std::string_view("fo")));
}

TEST_CASE("base58 gives the vectors of draft-msporny-base58") {
    CHECK(to_base58(as_bytes("Hello World!")) == "2NEpo7TZRRrLZSi2U");
    CHECK(to_base58(as_bytes("The quick brown fox jumps over the lazy dog.")) ==
          "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
    CHECK(to_base58(from_hex("0000287fb4cd").value()) == "11233QC4");
    CHECK(from_base58("11233QC4").value() == from_hex("0000287fb4cd").value());
    CHECK(from_base58("").value().empty());
    CHECK(from_base58("111").value() == Bytes(3));
}

TEST_CASE("base58 refuses the letters it leaves out, and length") {
    for (const auto* bad : {"0", "O", "I", "l", "a b", "é"}) CHECK(error_of(from_base58(bad)) == "bad_encoding");
    CHECK(from_base58(std::string(128, '2')).has_value());
    CHECK(error_of(from_base58(std::string(129, '2'))) == "bad_encoding");
}

TEST_CASE("any bytes survive every encoding") {
    std::mt19937 random(7);
    for (std::size_t size = 0; size < 80; ++size) {
        Bytes bytes(size);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        if (size > 2) bytes[0] = bytes[1] = 0;
        CHECK(from_hex(to_hex(bytes)).value() == bytes);
        CHECK(from_base64(to_base64(bytes)).value() == bytes);
        CHECK(from_base64url(to_base64url(bytes)).value() == bytes);
        CHECK(from_base58(to_base58(bytes)).value() == bytes);
    }
}

TEST_CASE("two different lists of parts never give the same bytes") {
    CHECK(lp("ab", "c") != lp("a", "bc"));
    CHECK(lp("a") == from_hex("0000000161").value());
    CHECK(lp("", "") != lp(""));
}
