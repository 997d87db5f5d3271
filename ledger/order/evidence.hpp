#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "ledger/order/replica.hpp"

/// Proofs that members signed two different votes for one place (S1), kept on disk for the consortium to judge.
namespace fairstream::ledger::order {

/// What a proof shows.
struct Accusation {
    std::string node;
    Position at;
};

/// Holds for anybody who has the channel config: both votes well signed by one member, for one place of one epoch, and
/// not the same. Errors: malformed, not_a_member, wrong_epoch, bad_signature, no_evidence (the votes do not contradict
/// each other).
Result<Accusation> check_evidence(const Channel& channel, const DoubleVote& proof);

/// One file a proof. Bounded: the first 16 of each member, of at most 256 members. One owner thread.
class EvidenceStore {
public:
    /// Makes the folder if it is not there. Error: io_error.
    static Result<EvidenceStore> open(std::filesystem::path folder);
    /// Durable when it returns true; false if nothing new was kept: this place is known, or the bound is reached.
    /// Errors: malformed, io_error.
    Result<bool> keep(const DoubleVote& proof);

    /// All that is kept there, for any reader. Files that cannot be read as proofs are left out. Error: io_error.
    static Result<std::vector<DoubleVote>> read(const std::filesystem::path& folder);

private:
    explicit EvidenceStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

    std::filesystem::path folder_;
    std::map<std::string, std::set<std::string>> names_;  // file names by member's part
};

}  // namespace fairstream::ledger::order
