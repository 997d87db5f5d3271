#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <thread>

#include "ledger/blocks/block_store.hpp"
#include "ledger/blocks/segment.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/support/consortium.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::blocks::BlockStore;
using ledger::blocks::kRecordHeaderBytes;
using ledger::blocks::segment_name;
namespace fs = std::filesystem;

namespace {

/// The same bytes for the same height, and none that could be compressed.
proto::DecidedBlock decided(std::uint64_t height, std::size_t bytes = 100) {
    std::mt19937_64 random(height);
    std::string noise;
    noise.reserve(bytes + sizeof(std::uint64_t));
    while (noise.size() < bytes) {
        const std::uint64_t next = random();
        noise.append(reinterpret_cast<const char*>(&next), sizeof next);
    }
    proto::DecidedBlock out;
    out.set_block("block " + std::to_string(height) + noise);
    out.set_certificate("certificate " + std::to_string(height));
    return out;
}

struct Fixture {
    TemporaryFolder folder;
    fs::path first = folder / segment_name(1);

    /// A store of `count` blocks, closed again.
    void fill(std::uint64_t count, std::size_t bytes = 100) {
        const auto store = value_of(BlockStore::open(folder.path()));
        for (std::uint64_t h = store->height() + 1; h <= count; ++h) value_of(store->append(h, decided(h, bytes)));
    }
    std::uint64_t record_size(std::uint64_t height) {
        return ledger::blocks::encode_record(height, proto::encode(decided(height))).size();
    }
    void overwrite(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
        std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(static_cast<std::streamoff>(offset));
        out << bytes;
    }
    std::string refusal() {
        const auto opened = BlockStore::open(folder.path());
        if (opened) return "opened";
        CHECK(opened.error().code == "damaged");
        return opened.error().message;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "blocks are read back, also after a restart") {
    fill(20);
    const auto store = value_of(BlockStore::open(folder.path()));
    CHECK(store->height() == 20);
    for (std::uint64_t h = 1; h <= 20; ++h) {
        const auto block = value_of(store->read(h));
        CHECK(block.block() == decided(h).block());
        CHECK(block.certificate() == decided(h).certificate());
    }
    CHECK(store->read(0).error().code == "not_found");
    CHECK(store->read(21).error().code == "not_found");
    value_of(store->append(21, decided(21)));
    CHECK(value_of(store->read(21)).block() == decided(21).block());
}

TEST_CASE_METHOD(Fixture, "what a block says many times is kept once") {
    proto::DecidedBlock repeated;
    const auto root = decided(1, 400).block();
    for (int i = 0; i < 100; ++i) repeated.mutable_block()->append(root);
    const auto store = value_of(BlockStore::open(folder.path()));
    value_of(store->append(1, repeated));
    CHECK(value_of(store->read(1)).block() == repeated.block());
    CHECK(fs::file_size(first) < 3 * root.size());
}

TEST_CASE_METHOD(Fixture, "a record that no compressor made is damage, even under a right checksum") {
    fill(1);
    const auto file = value_of(base::read_file(first));
    const std::uint32_t length = base::read_u32(ByteView(file).subspan(4));
    Bytes forged = to_bytes(ByteView(file).first(16));
    const Bytes nonsense(length, 0xff);
    const auto sum = identity::crypto::sha256_of({forged, nonsense});
    append(forged, ByteView(sum).first(16));
    append(forged, nonsense);
    fs::remove_all(folder / (segment_name(1) + ".index"));
    overwrite(first, 0, base::to_string(forged));
    const auto store = value_of(BlockStore::open(folder.path()));
    CHECK(store->read(1).error().code == "damaged");
}

TEST_CASE_METHOD(Fixture, "segments are rolled at 64 MiB and all found again") {
    fill(5, 30u << 20);
    CHECK(fs::exists(folder / segment_name(3)));
    CHECK(fs::exists(folder / segment_name(5)));
    CHECK(fs::file_size(first) <= ledger::blocks::kSegmentBytes);
    const auto store = value_of(BlockStore::open(folder.path()));
    CHECK(store->height() == 5);
    for (std::uint64_t h = 1; h <= 5; ++h) CHECK(value_of(store->read(h)).certificate() == decided(h).certificate());
    CHECK(store->append(6, decided(6, 49u << 20)).error().code == "too_large");
    value_of(store->append(6, decided(6)));
}

TEST_CASE_METHOD(Fixture, "a torn tail of the newest segment is cut, wherever the append stopped") {
    fill(3);
    const std::uint64_t whole = record_size(1) + record_size(2);
    const std::uint64_t cuts[] = {whole + 1, whole + kRecordHeaderBytes - 1, whole + kRecordHeaderBytes,
                                  whole + kRecordHeaderBytes + 10, whole + record_size(3) - 1};
    for (const auto cut : cuts) {
        INFO("cut at " << cut);
        fs::resize_file(first, cut);
        CHECK(value_of(BlockStore::open(folder.path()))->height() == 2);
        CHECK(fs::file_size(first) == whole);
        fill(3);
        CHECK(value_of(value_of(BlockStore::open(folder.path()))->read(3)).block() == decided(3).block());
    }
    // The file grew, but no data reached it.
    fs::resize_file(first, whole);
    fs::resize_file(first, whole + 500);
    CHECK(value_of(BlockStore::open(folder.path()))->height() == 2);
    // All of the last record's length, but not all of its bytes.
    fill(3);
    overwrite(first, whole + kRecordHeaderBytes + 5, std::string(8, '\0'));
    CHECK(value_of(BlockStore::open(folder.path()))->height() == 2);
}

TEST_CASE_METHOD(Fixture, "an empty newest segment is what a crash at a roll leaves behind") {
    fill(2);
    std::ofstream(folder / segment_name(3)).flush();
    fill(4);
    CHECK(value_of(BlockStore::open(folder.path()))->height() == 4);
    CHECK(fs::file_size(folder / segment_name(3)) > 0);
}

TEST_CASE_METHOD(Fixture, "any other damage is refused with file and offset") {
    fill(3);
    const auto second = std::to_string(record_size(1));
    SECTION("a byte of a block in the middle") {
        overwrite(first, record_size(1) + kRecordHeaderBytes + 3, "X");
        CHECK(refusal() == first.string() + " at offset " + second + ": the checksum does not hold");
    }
    SECTION("a record's magic") {
        overwrite(first, record_size(1), "X");
        CHECK(refusal() == first.string() + " at offset " + second + ": no record begins here");
    }
    SECTION("a length in the middle that reaches past the end") {
        overwrite(first, record_size(1) + 4, std::string("\x00\x7f\xff\xff", 4));
        CHECK(refusal().find("at offset " + second) != std::string::npos);
    }
    SECTION("a length out of bounds") {
        overwrite(first, record_size(1) + 4, "\xff\xff\xff\xff");
        CHECK(refusal().find("length is out of bounds") != std::string::npos);
    }
    SECTION("zeros over a whole record in the middle") {
        overwrite(first, record_size(1), std::string(record_size(2), '\0'));
        CHECK(refusal().find("zeros where a record should be") != std::string::npos);
    }
    SECTION("a height out of order") {
        overwrite(first, record_size(1) + 8, std::string(7, '\0') + "\x05");
        CHECK(refusal().find("block 5 where 2 should be") != std::string::npos);
    }
    SECTION("a file of another name") {
        std::ofstream(folder / "notes.txt") << "x";
        CHECK(refusal().find("notes.txt") != std::string::npos);
    }
    SECTION("a segment that is missing") {
        fs::rename(first, folder / segment_name(7));
        CHECK(refusal().find("begins with block 7, but 1 should follow") != std::string::npos);
    }
    SECTION("an older segment cut short") {
        std::ofstream(folder / segment_name(4)).flush();
        fs::resize_file(first, fs::file_size(first) - 1);
        CHECK(refusal().find("the record is cut off") != std::string::npos);
    }
}

TEST_CASE_METHOD(Fixture, "damage that comes while the store is open is found when the block is read") {
    fill(3);
    const auto store = value_of(BlockStore::open(folder.path()));
    overwrite(first, record_size(1) + kRecordHeaderBytes + 3, "X");
    CHECK(store->read(2).error().code == "damaged");
    CHECK(store->read(3));
}

TEST_CASE_METHOD(Fixture, "readers read while the writer appends") {
    const auto store = value_of(BlockStore::open(folder.path()));
    constexpr std::uint64_t kBlocks = 60;
    std::atomic<bool> wrong{false};
    std::thread reader([&] {
        while (store->height() < kBlocks) {
            const auto height = store->height();
            if (height == 0) continue;
            const auto block = store->read(height);
            if (!block || block->block() != decided(height).block()) wrong = true;
        }
    });
    for (std::uint64_t h = 1; h <= kBlocks; ++h) value_of(store->append(h, decided(h)));
    reader.join();
    CHECK_FALSE(wrong);
}

TEST_CASE("a block's hash is that of its header bytes") {
    proto::Block block;
    block.set_header("header");
    block.add_transactions("ignored");
    CHECK(ledger::blocks::block_hash(block) == crypto::sha256(as_bytes("header")));
}
