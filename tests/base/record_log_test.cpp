#include "base/record_log.hpp"

#include <catch2/catch.hpp>

#include "base/checksum.hpp"

namespace fairstream::base {
namespace {

Bytes sum_of(ByteView contents) {
    Bytes out;
    append_u32(out, crc32c(contents));
    return out;
}

constexpr RecordFormat kFormat{.magic = "TESTLOG1", .mark = 0x54455354, .max_bytes = 64, .sum_bytes = 4, .sum = sum_of};

struct Read {
    std::vector<std::string> contents;
    std::vector<std::uint64_t> offsets;
    Result<RecordScan> scan;
};

Read read(ByteView file) {
    Read out;
    out.scan = scan_records(kFormat, file, [&](ByteView contents, std::uint64_t offset) -> Status {
        out.contents.emplace_back(as_text(contents));
        out.offsets.push_back(offset);
        return {};
    });
    return out;
}

Bytes file_of(const std::vector<std::string>& records) {
    Bytes out = to_bytes(kFormat.magic);
    for (const auto& record : records) append(out, encode_frame(kFormat, as_bytes(record)));
    return out;
}

TEST_CASE("what was appended is read again, with its place") {
    const auto file = file_of({"one", "2", "three"});
    const auto got = read(file);
    REQUIRE(got.scan);
    CHECK(got.contents == std::vector<std::string>{"one", "2", "three"});
    CHECK(got.offsets == std::vector<std::uint64_t>{8 + 12, 8 + 12 + 3 + 12, 8 + 12 + 3 + 12 + 1 + 12});
    CHECK(got.scan->good_bytes == file.size());
    CHECK_FALSE(got.scan->torn);
}

TEST_CASE("wherever the last write tore, what came before it stands and the rest is a torn tail") {
    const auto before = file_of({"one", "two"}), file = file_of({"one", "two", "three"});
    for (auto size = before.size() + 1; size < file.size(); ++size) {
        const auto cut = read(ByteView(file).first(size));
        REQUIRE(cut.scan);
        CHECK(cut.contents == std::vector<std::string>{"one", "two"});
        CHECK(cut.scan->good_bytes == before.size());
        CHECK(cut.scan->torn);
        auto zeroed = file;  // the file has grown, and the data have not come
        std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(size), zeroed.end(), std::uint8_t{0});
        const auto got = read(zeroed);
        REQUIRE(got.scan);
        CHECK(got.scan->good_bytes == before.size());
    }
}

TEST_CASE("a file that was cut off before its first sync is empty, another one is refused") {
    for (std::size_t size = 0; size < kFormat.magic.size(); ++size) {
        const auto got = read(as_bytes(kFormat.magic.substr(0, size)));
        REQUIRE(got.scan);
        CHECK(got.scan->good_bytes == 0);
        CHECK(got.scan->torn);
    }
    const auto other = read(as_bytes(std::string_view("TESTLOG2")));
    REQUIRE_FALSE(other.scan);
    CHECK(other.scan.error().code == "damaged");
}

TEST_CASE("no flipped bit of a record that whole ones follow is taken for a torn tail, or for a record") {
    const auto file = file_of({"one", "two", "three"});
    const std::size_t begin = kFormat.magic.size(), end = begin + 12 + 3;
    for (auto at = begin; at < end; ++at) {
        auto damaged = file;
        damaged[at] ^= 0x10;
        const auto got = read(damaged);
        REQUIRE_FALSE(got.scan);
        CHECK(got.scan.error().code == "damaged");
        CHECK_THAT(got.scan.error().message, Catch::Contains("at byte 8"));
        CHECK(got.contents.empty());
    }
}

TEST_CASE("a record longer than the format allows is none, however well it is summed") {
    RecordFormat wide = kFormat;
    wide.max_bytes = 1000;
    Bytes file = to_bytes(kFormat.magic);
    append(file, encode_frame(wide, Bytes(65)));
    const auto got = read(file);
    REQUIRE(got.scan);
    CHECK(got.contents.empty());
    CHECK(got.scan->torn);
}

TEST_CASE("who reads says what is wrong inside a record") {
    const auto scan = scan_records(kFormat, file_of({"one"}),
                                   [](ByteView, std::uint64_t) -> Status { return fail("damaged", "no number"); });
    REQUIRE_FALSE(scan);
    CHECK(scan.error().message == "no number");
}

}  // namespace
}  // namespace fairstream::base
