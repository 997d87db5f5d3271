#pragma once

#include <cstdint>

/// Deliberate bugs, each breaking one rule of ledger.md, for the tests that show that the simulator would find it. They
/// are in a library of their own that only tests link (tests/simulation); without FS_PLANTED_BUGS the question has one
/// answer at compile time, and nothing of them is left.
namespace fairstream::ledger::order {

enum class Bug : std::uint8_t {
    kNone,
    kPrepareTwice,       // S1: a second PREPARE in one round
    kVoteBelowRound,     // S1: votes of rounds that were left
    kAnyLeader,          // S2: whoever proposes
    kAnyProposer,        // S2: whatever round and proposer the header names
    kUncheckedBlock,     // S2: before the deterministic checks
    kFewRoundChanges,    // S2: q - 1 ROUND-CHANGEs behind a PROPOSE
    kIgnorePrepared,     // S2: a fresh block although one is prepared
    kAnyPreparedRound,   // S2: not the highest of the prepared blocks
    kUnbackedBlock,      // S2: too few PREPAREs behind the prepared block
    kEarlyCommit,        // S3: COMMIT on q - 1 PREPAREs
    kHiddenCertificate,  // S4: a ROUND-CHANGE without the certificate
    kCountTwice,         // S5: one member's votes count as two
    kAnyEpoch,           // S5: votes of another config epoch
    kAnySignature,       // S5: votes that others made up
    kOlderVotes,         // S5: votes kept from before the config changed
    kOlderQuorum,        // S5: a quorum of as many members as there were at the start
    kFormerLeader,       // S5: who is a member no more leads
    kFollowerVotes,      // S5: this node votes without being listed, or with another key than is
    kFewCommits,         // S6: decided by q - 1 COMMITs
    kMixedRounds,        // S6: COMMITs of different rounds add up
    kUncheckedCatchUp,   // S6: a fetched block without its certificate's COMMITs
    kSendFirst,          // W1: votes are sent before they are durable
    kForgetVotes,        // W1: a restart does not take up the votes cast before it
    kForgetCertificate,  // W2: the prepared certificate is not made durable before COMMIT
    kForgetRound,        // W3: the new round is not made durable before ROUND-CHANGE
    kEarlyCut,           // W4: the log is cut before its height is decided
    kNoGuard,            // W5: the guard stays where it is
    kIgnoreLoss,         // W6: a log that lost votes is taken for a torn tail
};

#ifdef FS_PLANTED_BUGS
/// Defined by the test; one bug at a time.
bool planted(Bug bug);
#else
consteval bool planted(Bug) {
    return false;
}
#endif

}  // namespace fairstream::ledger::order
