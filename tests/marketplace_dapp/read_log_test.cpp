#include "marketplace_dapp/client/read_log.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::marketplace_dapp::client;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kOperators{"op1", "op2", "op3"};

identity::crypto::Hash leaf(std::uint64_t sequence) {
    return identity::crypto::sha256(as_bytes(std::to_string(sequence)));
}

/// Each reading is ten bytes of output.
ReadLog::Entry entry(std::uint64_t sequence, std::uint32_t key_epoch, std::uint32_t operator_index = 0) {
    return {.sequence = sequence,
            .key_epoch = key_epoch,
            .operator_index = operator_index,
            .output_bytes = sequence * 10,
            .leaf = leaf(sequence)};
}

identity::crypto::Hash root_of(std::uint64_t first, std::uint64_t last) {
    identity::crypto::MerkleAccumulator leaves;
    for (auto sequence = first; sequence <= last; ++sequence) leaves.add(leaf(sequence));
    return leaves.root();
}

std::vector<std::string> served(const ReadLog& log) {
    return log.served().to_texts();
}

}  // namespace

TEST_CASE("a read log knows after a restart where reading stopped, and who served what") {
    const tests::TemporaryFolder folder;
    {
        auto log = ReadLog::open(folder.path(), kOperators).value();
        CHECK(log.next_sequence() == 0);
        REQUIRE(log.add(std::vector{entry(5, 1), entry(6, 1), entry(7, 1, 2)}));
        REQUIRE(log.add(std::vector{entry(8, 2)}));
    }
    const auto log = ReadLog::open(folder.path(), kOperators).value();
    CHECK(log.next_sequence() == 9);
    CHECK(log.output_bytes() == 80);
    CHECK(served(log) == std::vector<std::string>{"op1 5-6 8-8", "op3 7-7"});
    REQUIRE(log.epochs().size() == 2);
    CHECK(log.epochs().at(1).whole());
    CHECK(log.epochs().at(1).leaves.root() == root_of(5, 7));
}

TEST_CASE("a checked batch is folded away, and nothing of what follows it is lost") {
    const tests::TemporaryFolder folder;
    {
        auto log = ReadLog::open(folder.path(), kOperators).value();
        for (std::uint64_t sequence = 1; sequence <= 100; ++sequence)
            REQUIRE(log.add(std::vector{entry(sequence, sequence <= 60 ? 1 : 2)}));
        const auto before = fs::file_size(folder / "entries");
        REQUIRE(log.checked(1));
        CHECK(fs::file_size(folder / "entries") * 100 == before * 40);
        CHECK(log.next_sequence() == 101);
        REQUIRE(log.add(std::vector{entry(101, 2)}));
    }
    auto log = ReadLog::open(folder.path(), kOperators).value();
    CHECK(log.next_sequence() == 102);
    CHECK(served(log) == std::vector<std::string>{"op1 1-101"});
    REQUIRE(log.epochs().size() == 1);
    CHECK(log.epochs().at(2).leaves.root() == root_of(61, 101));
    REQUIRE(log.checked(2));
    CHECK(log.epochs().empty());
    CHECK(log.next_sequence() == 102);
    CHECK(log.output_bytes() == 1010);
}

TEST_CASE("a death between the base and the entries counts nothing twice") {
    const tests::TemporaryFolder folder;
    std::string entries;
    {
        auto log = ReadLog::open(folder.path(), kOperators).value();
        REQUIRE(log.add(std::vector{entry(1, 1), entry(2, 1), entry(3, 2)}));
        std::ifstream in(folder / "entries", std::ios::binary);
        entries.assign(std::istreambuf_iterator<char>(in), {});
        REQUIRE(log.checked(1));
    }
    std::ofstream(folder / "entries", std::ios::binary) << entries;  // as if it had not been cut yet
    const auto log = ReadLog::open(folder.path(), kOperators).value();
    CHECK(served(log) == std::vector<std::string>{"op1 1-3"});
    CHECK(log.epochs().size() == 1);
}

TEST_CASE("a record that was torn by a death is no record, and the next one takes its place") {
    const tests::TemporaryFolder folder;
    {
        auto log = ReadLog::open(folder.path(), kOperators).value();
        REQUIRE(log.add(std::vector{entry(1, 1), entry(2, 1)}));
    }
    fs::resize_file(folder / "entries", fs::file_size(folder / "entries") - 7);
    {
        auto log = ReadLog::open(folder.path(), kOperators).value();
        CHECK(log.next_sequence() == 2);
        REQUIRE(log.add(std::vector{entry(2, 1)}));
    }
    CHECK(ReadLog::open(folder.path(), kOperators)->next_sequence() == 3);
}

TEST_CASE("two processes do not read one purchase") {
    const tests::TemporaryFolder folder;
    const auto log = ReadLog::open(folder.path(), kOperators).value();
    const auto second = ReadLog::open(folder.path(), kOperators);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "in_use");
}

TEST_CASE("an epoch with a hole, or that was not read from its first frame, is not whole") {
    const tests::TemporaryFolder folder;
    auto log = ReadLog::open(folder.path(), kOperators).value();
    REQUIRE(log.add(std::vector{entry(1, 1), entry(3, 1)}));
    CHECK_FALSE(log.epochs().at(1).whole());
}
