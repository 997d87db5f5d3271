#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "ledger/order/planted.hpp"
#include "tests/simulation/harness/simulation.hpp"

/// How the simulator is tested: with each of these bugs planted, one at a time, it must find a violation.
namespace fairstream {

namespace {
ledger::order::Bug active = ledger::order::Bug::kNone;
}  // namespace

bool ledger::order::planted(Bug bug) {
    return bug == active;
}

namespace tests::simulation {
namespace {

using ledger::order::Bug;

struct Found {
    unsigned long long seed = 0;  // 0: in none of them
    std::string what;
};

/// In a child, since a planted bug may also end in one of the replica's own assertions: that counts as found.
Found search(Bug bug, unsigned long long seeds) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);  // Catch's would report this child as a failed test
        if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(2);
        active = bug;
        const auto say = [&](unsigned long long seed, const std::string& what) {
            const auto text = std::to_string(seed) + " " + what + "\n";
            if (::write(ends[1], text.data(), text.size()) < 0) ::_exit(2);
        };
        for (unsigned long long seed = 1; seed <= seeds; ++seed) {
            say(seed, "");
            try {
                Simulation(options_of(seed)).run();
            } catch (const std::exception& violation) {
                say(seed, violation.what());
                ::_exit(1);
            }
        }
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string said;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        said.append(buffer, static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    said.pop_back();
    const auto last = said.substr(said.rfind('\n') == std::string::npos ? 0 : said.rfind('\n') + 1);
    return {std::stoull(last), WIFSIGNALED(status) ? "an assertion failed" : last.substr(last.find(' ') + 1)};
}

struct Planted {
    Bug bug;
    const char* rule;
    const char* what;
    unsigned long long within;  // seeds
};

TEST_CASE("a planted bug is found") {
    const auto planted = GENERATE(values<Planted>({
        {Bug::kPrepareTwice, "S1", "a second PREPARE in one round", 200},
        {Bug::kVoteBelowRound, "S1", "votes of rounds that were left", 200},
        {Bug::kAnyLeader, "S2", "whoever proposes", 1000},
        {Bug::kAnyProposer, "S2", "whatever round and proposer the header names", 1000},
        {Bug::kUncheckedBlock, "S2", "before the deterministic checks", 1000},
        {Bug::kFewRoundChanges, "S2", "q - 1 ROUND-CHANGEs behind a PROPOSE", 1000},
        {Bug::kIgnorePrepared, "S2", "a fresh block although one is prepared", 200},
        {Bug::kAnyPreparedRound, "S2", "not the highest of the prepared blocks", 200},
        {Bug::kUnbackedBlock, "S2", "too few PREPAREs behind the prepared block", 200},
        {Bug::kEarlyCommit, "S3", "COMMIT on q - 1 PREPAREs", 200},
        {Bug::kHiddenCertificate, "S4", "a ROUND-CHANGE without the certificate", 200},
        {Bug::kCountTwice, "S5", "one member's votes count as two", 200},
        {Bug::kAnyEpoch, "S5", "votes of another config epoch", 200},
        {Bug::kAnySignature, "S5", "votes that others made up", 200},
        {Bug::kOlderVotes, "S5", "votes kept from before the config changed", 2500},
        {Bug::kOlderQuorum, "S5", "a quorum of as many members as there were at the start", 200},
        {Bug::kFormerLeader, "S5", "who is a member no more leads", 1000},
        {Bug::kFollowerVotes, "S5", "a node votes without being listed, or with another key", 200},
        {Bug::kFewCommits, "S6", "decided by q - 1 COMMITs", 200},
        {Bug::kMixedRounds, "S6", "COMMITs of different rounds add up", 200},
        {Bug::kUncheckedCatchUp, "S6", "a fetched block without its COMMITs", 200},
        {Bug::kSendFirst, "W1", "votes are sent before they are durable", 200},
        {Bug::kForgetVotes, "W1", "a restart does not take up the votes cast before it", 200},
        {Bug::kForgetCertificate, "W2", "the prepared certificate is not durable before COMMIT", 200},
        {Bug::kForgetRound, "W3", "the new round is not durable before ROUND-CHANGE", 200},
        {Bug::kEarlyCut, "W4", "the log is cut before its height is decided", 200},
        {Bug::kNoGuard, "W5", "the guard stays where it is", 200},
        {Bug::kIgnoreLoss, "W6", "a log that lost votes is taken for a torn tail", 500},
    }));
    DYNAMIC_SECTION(planted.rule << ": " << planted.what << ", within " << planted.within << " seeds") {
        const auto found = search(planted.bug, planted.within);
        INFO("seed " << found.seed << ": " << found.what);
        CHECK(found.seed != 0);
    }
}

TEST_CASE("without a planted bug the same build finds nothing") {
    CHECK(search(Bug::kNone, 100).seed == 0);
}

}  // namespace
}  // namespace tests::simulation
}  // namespace fairstream
