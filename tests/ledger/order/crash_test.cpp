/// A crash at every named point of making votes durable (W1, W4-W6): whatever was sent before it is known after it.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "base/file.hpp"
#include "ledger/order/wal.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/ledger/storage/crash.hpp"
#include "tests/support/ordering/members.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fairstream::tests::ordering {
namespace {

using order::Position;
using order::Step;
using order::VoteLog;

struct Files {
    TemporaryFolder folder = TemporaryFolder::in_memory();
    VoteLog::Paths paths{folder / "votes.log", folder / "votes.guard", /*cut_above=*/700};
    std::filesystem::path sent = folder / "sent";
};

Bytes vote_at(const Position& at) {
    const auto body =
        at.step == Step::kPrepare ? prepare_of(at.height, at.round, Hash{}) : commit_of(at.height, at.round, Hash{});
    return order::vote_record(at, signed_by(*members(1).channel, node_name(0), body));
}

std::vector<Position> votes() {
    std::vector<Position> out;
    for (std::uint64_t height = 1; height <= 4; ++height)
        for (const auto step : {Step::kPrepare, Step::kCommit}) out.push_back({height, 0, step});
    return out;
}

/// Votes on from where the log is, cuts it at each decided height, and notes what it has sent.
void vote_on(const Files& files) {
    auto opened = VoteLog::open(files.paths, 0);
    if (!opened) throw std::runtime_error(opened.error().message);
    for (const auto& at : votes()) {
        if (at <= opened->recovered.last) continue;
        if (auto done = opened->log->append(std::vector<Bytes>{vote_at(at)}); !done)
            throw std::runtime_error(done.error().message);
        std::ofstream(files.sent, std::ios::app) << at.height << ' ' << static_cast<int>(at.step) << '\n';
        if (at.step == Step::kCommit)
            if (auto cut = opened->log->cut(at.height); !cut) throw std::runtime_error(cut.error().message);
    }
}

Position last_sent(const Files& files) {
    std::ifstream in(files.sent);
    Position last;
    std::uint64_t height = 0;
    for (int step = 0; in >> height >> step;) last = {height, 0, static_cast<Step>(step)};
    return last;
}

TEST_CASE("after a crash at any point of voting, every vote that was sent is known and none is cast again",
          "[W1][W4][W5][W6]") {
    const auto point = GENERATE(
        values<std::string>({"guard.before_write", "guard.before_sync", "guard.before_name", "guard.after_name",
                             "votes.before_magic", "votes.after_magic", "votes.before_write", "votes.before_sync",
                             "votes.before_guard", "votes.before_cut", "votes.after_cut"}));
    const bool once = point.ends_with("magic") || point.ends_with("name");
    const unsigned passing = GENERATE(1u, 2u, 4u);
    if (once && passing > 1) return;
    if (point.ends_with("cut") && passing > 1) return;
    INFO(point << ", passing " << passing);
    const Files files;
    crash_at(point, passing, [&] { vote_on(files); });
    const auto sent = last_sent(files);
    const std::uint64_t decided = sent.step == Step::kCommit ? sent.height : sent.height - (sent.height > 0 ? 1 : 0);
    {
        const auto opened = VoteLog::open(files.paths, decided);
        INFO((opened ? std::string() : opened.error().message));
        REQUIRE(opened);
        CHECK(opened->log->last() >= sent);
        for (const auto& at : votes())
            if (at <= sent) CHECK_FALSE(opened->log->append(std::vector<Bytes>{vote_at(at)}));
        for (const auto& at : votes())
            if (at > opened->log->last()) REQUIRE(opened->log->append(std::vector<Bytes>{vote_at(at)}));
    }
    CHECK(VoteLog::open(files.paths, 4)->log->last() == votes().back());
}

TEST_CASE("a crash while a torn tail is cut leaves a tail to be cut") {
    const Files files;
    vote_on(files);
    auto bytes = base::read_file(files.paths.log).value();
    const auto whole = bytes.size();
    bytes.resize(whole + 40);
    REQUIRE(base::write_file(files.paths.log, bytes));
    crash_at("votes.before_tail_cut", 1, [&] { static_cast<void>(VoteLog::open(files.paths, 4)); });
    const auto opened = VoteLog::open(files.paths, 4);
    REQUIRE(opened);
    CHECK(opened->bytes_cut == 40);
    CHECK(opened->log->last() == votes().back());
}

TEST_CASE("on a full disk nothing is voted for, and with room again voting goes on where it was", "[W1][W6]") {
    const Files files;
    const auto all = votes();
    {
        auto opened = VoteLog::open(files.paths, 0);
        REQUIRE(opened);
        REQUIRE(opened->log->append(std::vector<Bytes>{vote_at(all[0])}));
    }
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto opened = VoteLog::open(files.paths, 0);
        ::signal(SIGXFSZ, SIG_IGN);
        const rlim_t room = std::filesystem::file_size(files.paths.log) + 20;  // the next frame ends in the middle
        const rlimit limit{room, room};
        const bool ready = opened && ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
        const auto refused = [&](const Position& at) {
            const auto done = opened->log->append(std::vector<Bytes>{vote_at(at)});
            return !done && done.error().code == "io_error";
        };
        // Room again does not help: the file's end is unknown until it has been read anew.
        ::_exit(ready && refused(all[1]) && refused(all[2]) ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    const auto opened = VoteLog::open(files.paths, 0);
    REQUIRE(opened);
    CHECK(opened->bytes_cut == 20);
    CHECK(opened->log->last() == all[0]);
    CHECK(opened->log->append(std::vector<Bytes>{vote_at(all[1])}));
}

}  // namespace
}  // namespace fairstream::tests::ordering
