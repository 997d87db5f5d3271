#include <catch2/catch.hpp>
#include <fstream>

#include "base/file.hpp"
#include "mqtt_bridge/log/file_stream_log.hpp"
#include "tests/mqtt_bridge/chain.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::mqtt_bridge::log;
using fairstream::tests::Chain;
using fairstream::tests::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<FileStreamLog> open_log(const fs::path& folder, FileStreamLog::Limits limits = {}) {
    auto log = FileStreamLog::open(folder, limits);
    if (!log) FAIL(log.error().code + ": " + log.error().message);
    return std::move(*log);
}

std::string open_error(const fs::path& folder, std::string* message = nullptr) {
    const auto log = FileStreamLog::open(folder);
    if (log) return "";
    if (message != nullptr) *message = log.error().message;
    return log.error().code;
}

Outcome append_one(StreamLog& log, const Record& record) {
    const auto outcomes = log.append({&record, 1});
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 1);
    return outcomes->front();
}

const char* const kFirstSegment = "segment-00000001.log";

}  // namespace

TEST_CASE("what was appended is read back from any number in it, also after a restart") {
    const TemporaryFolder folder;
    Chain a(1), b(2);
    const std::vector<Record> records{a.next(4), b.next(2), a.next(4), a.next(1)};
    {
        auto log = open_log(folder.path());
        const auto outcomes = log->append(records);
        REQUIRE(outcomes);
        CHECK(*outcomes == std::vector<Outcome>(4, Outcome::kAppended));
    }
    auto log = open_log(folder.path());
    CHECK(log->mark(a.stream()) == Position{9, a.position().head});
    CHECK(log->mark(b.stream()) == Position{2, b.position().head});
    CHECK(log->marks().size() == 2);
    const auto from_6 = log->read(a.stream(), 6, 1 << 20);
    REQUIRE(from_6);
    CHECK(*from_6 == std::vector<Record>{records[2], records[3]});
    CHECK(log->read(a.stream(), 1, 1)->size() == 1);  // at least one, however small the bound
    CHECK(log->read(a.stream(), 10, 1 << 20)->empty());
    CHECK(append_one(*log, a.next()) == Outcome::kAppended);
}

TEST_CASE("a bundle that comes twice is stored once, and another one under its numbers is a conflict") {
    const TemporaryFolder folder;
    auto log = open_log(folder.path());
    Chain honest(1), forged(1, "another story");
    const Record first = honest.next();
    CHECK(append_one(*log, first) == Outcome::kAppended);
    CHECK(append_one(*log, first) == Outcome::kDuplicate);
    CHECK(append_one(*log, forged.next()) == Outcome::kConflict);
    CHECK(append_one(*log, forged.next()) == Outcome::kConflict);  // its chain is not the one stored
    const Record second = honest.next(), third = honest.next();
    CHECK(append_one(*log, third) == Outcome::kGap);
    const std::vector<Record> batch{second, second, third};
    CHECK(log->append(batch).value() ==
          std::vector<Outcome>{Outcome::kAppended, Outcome::kDuplicate, Outcome::kAppended});
    CHECK(log->mark(honest.stream()).through == 12);
}

TEST_CASE("a torn last batch is cut off, wherever it was torn") {
    const TemporaryFolder folder;
    Chain chain(1);
    const Record kept = chain.next(), torn = chain.next();
    std::uintmax_t whole = 0, both = 0;
    {
        auto log = open_log(folder.path());
        append_one(*log, kept);
        whole = fs::file_size(folder.path() / kFirstSegment);
        append_one(*log, torn);
        both = fs::file_size(folder.path() / kFirstSegment);
    }
    const Bytes file = base::read_file(folder.path() / kFirstSegment).value();
    const auto cut = GENERATE(1, 11, 12, 13, 60, 150);
    REQUIRE(whole + static_cast<std::uintmax_t>(cut) < both);
    const ByteView left = ByteView(file).first(whole + static_cast<std::size_t>(cut));
    REQUIRE(base::write_file(folder.path() / kFirstSegment, left));
    auto log = open_log(folder.path());
    CHECK(log->mark(chain.stream()) == Position{4, kept.head});
    CHECK(fs::file_size(folder.path() / kFirstSegment) == whole);
    CHECK(append_one(*log, torn) == Outcome::kAppended);
    CHECK(log->read(chain.stream(), 1, 1 << 20)->size() == 2);
}

TEST_CASE("a changed byte before the last batch is damage, and is named") {
    const TemporaryFolder folder;
    Chain chain(1);
    {
        auto log = open_log(folder.path());
        append_one(*log, chain.next());
        append_one(*log, chain.next());
    }
    const fs::path path = folder.path() / kFirstSegment;
    Bytes file = base::read_file(path).value();
    const auto at = GENERATE(std::size_t{8}, std::size_t{14}, std::size_t{40}, std::size_t{150});
    file[at] ^= 1;
    REQUIRE(base::write_file(path, file));
    std::string message;
    CHECK(open_error(folder.path(), &message) == "damaged");
    CHECK(message.find(kFirstSegment) != std::string::npos);
    CHECK(message.find("byte 8") != std::string::npos);
}

TEST_CASE("an older segment that ends early, or is missing, is damage") {
    const TemporaryFolder folder;
    Chain chain(1);
    {
        auto log = open_log(folder.path(), {.segment_bytes = 200});
        for (int i = 0; i < 6; ++i) append_one(*log, chain.next());
    }
    const fs::path first = folder.path() / kFirstSegment;
    REQUIRE(fs::exists(folder.path() / "segment-00000002.log"));
    SECTION("cut") {
        fs::resize_file(first, fs::file_size(first) - 1);
        CHECK(open_error(folder.path()) == "damaged");
    }
    SECTION("missing") {
        fs::remove(first);
        CHECK(open_error(folder.path()) == "damaged");
    }
}

TEST_CASE("removed bundles free their segments, and their numbers are never used again") {
    const TemporaryFolder folder;
    Chain chain(1), other(2);
    std::vector<Record> records;
    {
        auto log = open_log(folder.path(), {.segment_bytes = 200});
        for (int i = 0; i < 6; ++i) {
            records.push_back(chain.next());
            append_one(*log, records.back());
        }
        append_one(*log, other.next());
        REQUIRE(log->remove(chain.stream(), 22));  // whole bundles only: 21 to 24 stays
        CHECK_FALSE(fs::exists(folder.path() / kFirstSegment));
    }
    auto log = open_log(folder.path());
    CHECK(log->mark(chain.stream()) == chain.position());
    const auto gone = log->read(chain.stream(), 20, 1 << 20);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == "deleted");
    CHECK(log->read(chain.stream(), 21, 1 << 20).value() == std::vector<Record>{records[5]});
    CHECK(append_one(*log, records[0]) == Outcome::kDuplicate);
    CHECK(append_one(*log, chain.next()) == Outcome::kAppended);
    REQUIRE(log->remove(chain.stream(), 1000));
    log.reset();
    CHECK(open_log(folder.path())->mark(chain.stream()) == chain.position());
}

TEST_CASE("one process at a time has the log open") {
    const TemporaryFolder folder;
    const auto log = open_log(folder.path());
    CHECK(open_error(folder.path()) == "in_use");
}

TEST_CASE("a bundle above the bound is refused") {
    const TemporaryFolder folder;
    auto log = open_log(folder.path(), {.max_record_bytes = 50});
    const Record record = Chain(1).next(1, 51);
    const auto outcome = log->append({&record, 1});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == "too_large");
}
