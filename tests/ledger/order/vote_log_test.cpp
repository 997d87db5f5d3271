/// The vote log and its guard: what they hand back after a crash, and when they let nobody vote (W1, W4-W6).
#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "ledger/order/wal.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/support/ordering/members.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests::ordering {
namespace {

using order::Guard;
using order::Position;
using order::Step;
using order::VoteLog;

struct Disk {
    TemporaryFolder folder;
    VoteLog::Paths paths{folder / "votes.log", folder / "votes.guard"};

    auto open(std::uint64_t decided_height = 0) const { return VoteLog::open(paths, decided_height); }
    Bytes log() const { return base::read_file(paths.log).value(); }
    void set_log(const Bytes& bytes) const { REQUIRE(base::write_file(paths.log, bytes)); }
};

proto::SignedOrderMessage vote_at(const Position& at) {
    const Hash block{};
    const auto body = at.step == Step::kRoundChange ? round_change_of(at.height, at.round)
                      : at.step == Step::kPropose   ? propose_of(at.height, at.round, block)
                      : at.step == Step::kPrepare   ? prepare_of(at.height, at.round, block)
                                                    : commit_of(at.height, at.round, block);
    return signed_by(*members(1).channel, node_name(0), body);
}

Status cast(VoteLog& log, const Position& at) {
    return log.append(std::vector<Bytes>{order::vote_record(at, vote_at(at))});
}

const Position kFirst{1, 0, Step::kPrepare};
const Position kSecond{1, 0, Step::kCommit};
const Position kThird{1, 2, Step::kRoundChange};

/// A log with the three votes in it, closed again. Returns its size after each of them.
std::vector<std::size_t> cast_three(const Disk& disk) {
    auto opened = disk.open();
    REQUIRE(opened);
    std::vector<std::size_t> sizes;
    for (const auto& at : {kFirst, kSecond, kThird}) {
        REQUIRE(cast(*opened->log, at));
        sizes.push_back(disk.log().size());
    }
    return sizes;
}

template <typename T>
std::string refusal(const Result<T>& result) {
    return result ? "none" : result.error().code;
}

TEST_CASE("a vote log hands back the votes of the newest height, with their exact bytes", "[W1]") {
    const Disk disk;
    cast_three(disk);
    const auto opened = disk.open();
    REQUIRE(opened);
    CHECK(opened->bytes_cut == 0);
    CHECK(opened->recovered.last == kThird);
    REQUIRE(opened->recovered.votes.size() == 3);
    CHECK(opened->recovered.votes[1].SerializeAsString() == vote_at(kSecond).SerializeAsString());

    REQUIRE(cast(*opened->log, {2, 0, Step::kPropose}));
    CHECK(opened->log->last() == Position{2, 0, Step::kPropose});
}

TEST_CASE("block and prepared certificate come back with the votes, those of older heights do not", "[W2]") {
    const Disk disk;
    const auto& channel = *members(1).channel;
    const auto block = block_on(channel, genesis_tip(channel), 0, {"a"}, 0);
    const order::Prepared prepared{.round = 0, .block_hash = hash_of(block), .prepares = {vote_at(kFirst)}};
    {
        auto opened = disk.open();
        REQUIRE(opened);
        REQUIRE(opened->log->append(std::vector<Bytes>{order::block_record(kSecond, proto::encode(block)),
                                                       order::prepared_record(kSecond, prepared),
                                                       order::vote_record(kSecond, vote_at(kSecond))}));
    }
    {
        const auto opened = disk.open();
        REQUIRE(opened);
        REQUIRE(opened->recovered.prepared);
        CHECK(opened->recovered.prepared->block_hash == hash_of(block));
        CHECK(opened->recovered.prepared->prepares.size() == 1);
        CHECK(opened->recovered.blocks.at(hash_of(block)) == proto::encode(block));
        REQUIRE(cast(*opened->log, {2, 0, Step::kPrepare}));
    }
    const auto opened = disk.open();
    REQUIRE(opened);
    CHECK(opened->recovered.votes.size() == 1);
    CHECK_FALSE(opened->recovered.prepared);
    CHECK(opened->recovered.blocks.empty());
}

TEST_CASE("a vote at or below one already cast is refused and leaves no trace", "[W5]") {
    const Disk disk;
    const auto sizes = cast_three(disk);
    const auto opened = disk.open();
    REQUIRE(opened);
    CHECK(refusal(cast(*opened->log, kThird)) == "vote_regression");
    CHECK(refusal(cast(*opened->log, kSecond)) == "vote_regression");
    CHECK(refusal(cast(*opened->log, {0, 9, Step::kCommit})) == "vote_regression");
    const Position next{1, 2, Step::kPrepare};
    CHECK(refusal(opened->log->append(std::vector<Bytes>{order::vote_record(next, vote_at(next)),  //
                                                         order::vote_record(next, vote_at(next))})) ==
          "vote_regression");
    CHECK(disk.log().size() == sizes.back());
    CHECK(cast(*opened->log, next));  // a refusal is no failure
}

TEST_CASE("a torn tail that the guard has not seen is cut, wherever it tore", "[W6]") {
    const Disk disk;
    cast_three(disk);
    const auto whole = disk.log();
    const Position torn{1, 2, Step::kPrepare};
    {
        // The crash came between the log's sync and the guard's, so the old guard is put back.
        const auto guard = base::read_file(disk.paths.guard).value();
        REQUIRE(cast(*disk.open()->log, torn));
        REQUIRE(base::write_file(disk.paths.guard, guard));
    }
    const auto longer = disk.log();
    const auto size = GENERATE_COPY(range(whole.size() + 1, longer.size(), std::size_t{23}));
    disk.set_log(Bytes(longer.begin(), longer.begin() + static_cast<std::ptrdiff_t>(size)));
    {
        const auto opened = disk.open();
        REQUIRE(opened);
        CHECK(opened->bytes_cut == size - whole.size());
        CHECK(opened->recovered.last == kThird);
        CHECK(disk.log() == whole);
        CHECK(cast(*opened->log, torn));
    }
    CHECK(disk.open()->recovered.last == torn);
}

TEST_CASE("zeros that a file system leaves after a power loss are a torn tail") {
    const Disk disk;
    cast_three(disk);
    auto bytes = disk.log();
    bytes.resize(bytes.size() + 4096);
    disk.set_log(bytes);
    const auto opened = disk.open();
    REQUIRE(opened);
    CHECK(opened->bytes_cut == 4096);
    CHECK(opened->recovered.last == kThird);
}

TEST_CASE("a crash between the log's sync and the guard's counts the vote as cast", "[W1][W5]") {
    const Disk disk;
    const Position next{1, 2, Step::kPrepare};
    cast_three(disk);
    const auto guard = base::read_file(disk.paths.guard).value();
    REQUIRE(cast(*disk.open()->log, next));
    REQUIRE(base::write_file(disk.paths.guard, guard));

    const auto opened = disk.open();
    REQUIRE(opened);
    CHECK(opened->recovered.last == next);
    CHECK(refusal(cast(*opened->log, next)) == "vote_regression");
    CHECK(opened->log->last() == next);
}

TEST_CASE("a log that lost votes which the guard has seen lets nobody vote", "[W6]") {
    const Disk disk;
    const auto sizes = cast_three(disk);
    auto bytes = disk.log();
    bytes.resize(GENERATE_COPY(std::size_t{0}, std::size_t{3}, std::size_t{8}, sizes[0], sizes[1], sizes[2] - 1));
    disk.set_log(bytes);
    const auto opened = disk.open();
    REQUIRE(refusal(opened) == "votes_lost");
    CHECK_THAT(opened.error().message, Catch::Contains(disk.paths.log.string()) && Catch::Contains("new key"));
    CHECK(disk.log() == bytes);              // evidence stays
    CHECK(disk.open(/*decided_height=*/1));  // their height is decided: nothing is lost
}

TEST_CASE("damage in the middle is refused, with file and offset", "[W6]") {
    const Disk disk;
    const auto sizes = cast_three(disk);
    auto bytes = disk.log();
    const auto at = GENERATE_COPY(std::size_t{8}, std::size_t{13}, std::size_t{40}, sizes[0] - 1, sizes[0] + 30);
    bytes[at] ^= 1;
    disk.set_log(bytes);
    const auto opened = disk.open(/*decided_height=*/1);
    REQUIRE(refusal(opened) == "damaged");
    const auto frame = at < sizes[0] ? std::size_t{8} : sizes[0];
    CHECK_THAT(opened.error().message, Catch::Contains(disk.paths.log.string() + " at byte " + std::to_string(frame)));
    CHECK(disk.log() == bytes);
}

TEST_CASE("a file that is no vote log is refused") {
    const Disk disk;
    cast_three(disk);
    auto bytes = disk.log();
    bytes[0] ^= 1;
    disk.set_log(bytes);
    CHECK(refusal(disk.open()) == "damaged");
}

TEST_CASE("without its log or its guard a key that may have voted votes no more", "[W6]") {
    const Disk disk;
    SECTION("log gone") {
        cast_three(disk);
        std::filesystem::remove(disk.paths.log);
        CHECK(refusal(disk.open()) == "votes_lost");
        CHECK(refusal(disk.open(/*decided_height=*/5)) == "votes_lost");
        CHECK_FALSE(std::filesystem::exists(disk.paths.log));
    }
    SECTION("guard gone") {
        cast_three(disk);
        std::filesystem::remove(disk.paths.guard);
        CHECK(refusal(disk.open()) == "votes_lost");
        CHECK_FALSE(std::filesystem::exists(disk.paths.guard));
    }
    SECTION("both gone, on a node that has blocks") {
        CHECK(refusal(disk.open(/*decided_height=*/5)) == "votes_lost");
        CHECK_FALSE(std::filesystem::exists(disk.paths.guard));
    }
}

TEST_CASE("a first start that crashed between making guard and log goes on") {
    const Disk disk;
    REQUIRE(Guard::create(disk.paths.guard));
    const auto opened = disk.open();
    REQUIRE(opened);
    CHECK(opened->recovered.last == Position{});
}

TEST_CASE("one process votes with a key") {
    const Disk disk;
    const auto first = disk.open();
    REQUIRE(first);
    CHECK(refusal(disk.open()) == "in_use");
    CHECK(refusal(VoteLog::open({disk.paths.log, disk.folder / "another.guard"}, 0)) == "votes_lost");
    std::filesystem::rename(disk.paths.guard, disk.folder / "moved.guard");
    CHECK(refusal(VoteLog::open({disk.paths.log, disk.folder / "moved.guard"}, 0)) == "in_use");
}

TEST_CASE("a log is cut once its heights are decided, and then opens at the guard's place", "[W4]") {
    const Disk disk;
    const auto& channel = *members(1).channel;
    const auto block = block_on(channel, genesis_tip(channel), 0, {std::string(5u << 20, 'x')}, 0);
    {
        const auto opened = disk.open();
        REQUIRE(opened);
        REQUIRE(opened->log->append(std::vector<Bytes>{order::block_record(kSecond, proto::encode(block)),
                                                       order::vote_record(kSecond, vote_at(kSecond))}));
        REQUIRE(opened->log->cut(0));
        CHECK(disk.log().size() > (5u << 20));  // height 1 is not decided yet
        REQUIRE(opened->log->cut(1));
        CHECK(disk.log().size() == 8);
        CHECK(refusal(cast(*opened->log, kSecond)) == "vote_regression");
    }
    CHECK(refusal(disk.open(/*decided_height=*/0)) == "votes_lost");
    const auto opened = disk.open(/*decided_height=*/1);
    REQUIRE(opened);
    CHECK(opened->recovered.votes.empty());
    CHECK(opened->recovered.last == kSecond);
    CHECK(refusal(cast(*opened->log, kFirst)) == "vote_regression");
    REQUIRE(cast(*opened->log, {2, 0, Step::kPrepare}));
}

TEST_CASE("a frame too large to be read back is refused before anything is written") {
    const Disk disk;
    const auto opened = disk.open();
    REQUIRE(opened);
    const Bytes huge(65u << 20);
    CHECK(refusal(opened->log->append(std::vector<Bytes>{order::block_record(kFirst, huge),  //
                                                         order::vote_record(kFirst, vote_at(kFirst))})) == "too_large");
    CHECK(disk.log().size() == 8);
    CHECK(cast(*opened->log, kFirst));
}

TEST_CASE("a guard moves forward only, and remembers where it is", "[W5]") {
    const TemporaryFolder folder;
    {
        auto guard = Guard::create(folder / "guard");
        REQUIRE(guard);
        REQUIRE(guard->advance({5, 1, Step::kPrepare}));
        for (const Position& back : {Position{5, 1, Step::kPrepare}, Position{5, 1, Step::kPropose},
                                     Position{5, 0, Step::kCommit}, Position{4, 9, Step::kCommit}})
            CHECK(refusal(guard->advance(back)) == "vote_regression");
        REQUIRE(guard->advance({5, 2, Step::kRoundChange}));
    }
    CHECK(refusal(Guard::create(folder / "guard")) == "exists");
    const auto guard = Guard::open(folder / "guard");
    REQUIRE(guard);
    CHECK(guard->position() == Position{5, 2, Step::kRoundChange});
}

TEST_CASE("a guard whose creation crashed is made anew") {
    const TemporaryFolder folder;
    for (const std::size_t size : {0, 512, 1024}) {  // as far as it came
        REQUIRE(base::write_file(folder / "guard.new", Bytes(size)));
        CHECK(refusal(Guard::open(folder / "guard")) == "not_found");
        const auto guard = Guard::create(folder / "guard");
        REQUIRE(guard);
        CHECK(guard->position() == Position{});
        CHECK_FALSE(std::filesystem::exists(folder / "guard.new"));
        std::filesystem::remove(folder / "guard");
    }
}

TEST_CASE("a guard whose last write tore stands at the one before, and with both slots broken it is refused") {
    const TemporaryFolder folder;
    {
        auto guard = Guard::create(folder / "guard");
        REQUIRE(guard->advance({1, 0, Step::kPrepare}));
        REQUIRE(guard->advance({1, 0, Step::kCommit}));
    }
    auto bytes = base::read_file(folder / "guard").value();
    // Creation wrote both slots, the votes the second and the first.
    bytes[20] ^= 1;
    REQUIRE(base::write_file(folder / "guard", bytes));
    CHECK(Guard::open(folder / "guard")->position() == Position{1, 0, Step::kPrepare});
    bytes[512 + 20] ^= 1;
    REQUIRE(base::write_file(folder / "guard", bytes));
    const auto refused = Guard::open(folder / "guard");
    REQUIRE(refusal(refused) == "damaged");
    CHECK_THAT(refused.error().message, Catch::Contains((folder / "guard").string() + " at byte 0"));
    CHECK(refusal(Guard::open(folder / "none")) == "not_found");
}

}  // namespace
}  // namespace fairstream::tests::ordering
