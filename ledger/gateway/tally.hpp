#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::gateway {

/// Counts what organisations found when they simulated one proposal. No I/O.
class Tally {
public:
    /// `own` is the gateway's organisation, which also answers. `needed`: a majority of all.
    Tally(std::string own, std::size_t asked, std::size_t needed)
        : own_(std::move(own)), asked_(asked), needed_(needed) {}

    void add(const std::string& organisation, Result<proto::EndorseResult> answer);

    enum class Verdict {
        kOpen,     // answers that are still out may decide
        kAgreed,   // enough byte-identical results
        kRefused,  // enough organisations refuse for the same reason
        kSplit,    // no majority for anything
    };
    Verdict verdict() const;

    /// Precondition: kAgreed. The result with as many endorsements as are needed.
    const std::string& agreed_result() const { return largest_group()->first; }
    std::vector<proto::Endorsement> endorsements() const;
    /// Precondition: kRefused or kSplit. Of a split: endorsement_mismatch names who differs; unavailable when too few
    /// organisations answered at all.
    Error error() const;
    /// Precondition: kSplit. Asking again a little later may help: somebody lags, or did not answer.
    bool may_heal() const;
    /// Some did not answer, or said themselves that they lag.
    bool lacks_answers() const { return !absent_.empty(); }

private:
    struct Vote {
        std::string organisation;
        proto::Endorsement endorsement;
    };
    const std::pair<const std::string, std::vector<Vote>>* largest_group() const;
    const std::vector<std::pair<std::string, Error>>* refusal() const;

    std::string own_;
    std::size_t asked_;
    std::size_t needed_;
    std::size_t answered_ = 0;
    bool own_answered_ = false;
    bool own_refuses_ = false;
    std::map<std::string, std::vector<Vote>> results_;                            // by result bytes
    std::map<std::string, std::vector<std::pair<std::string, Error>>> refusals_;  // by code; the contract's no
    std::vector<std::pair<std::string, Error>> absent_;                           // did not answer, or lag
};

}  // namespace fairstream::ledger::gateway
