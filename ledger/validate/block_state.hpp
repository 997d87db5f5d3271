#pragma once

#include <map>
#include <vector>

#include "ledger/state/overlay.hpp"
#include "ledger/validate/transaction_check.hpp"
#include "ledger/validate/validator.hpp"

namespace fairstream::ledger::validate {

/// The serial part of validation: one block's transactions, one after the other, over the state before the block.
/// Errors only if the snapshot cannot be read.
class BlockState {
public:
    BlockState(const state::Snapshot& before, std::uint64_t height, std::uint64_t time_us)
        : before_(before), height_(height), time_us_(time_us) {}

    /// Decides `checked`, the transaction at the next position, and applies it if it is valid.
    Result<proto::Outcome> decide(const CheckedTransaction& checked);

    /// What all of them changed: keys in order, each once; ids in block order.
    void finish(state::Batch& batch) &&;

private:
    Result<Verdict> judge(const CheckedTransaction& checked, state::Overlay& writes);
    Result<Verdict> check_unused(const CheckedTransaction& checked) const;
    Result<Verdict> check_reads(const proto::ProposalResult& result) const;
    Result<Verdict> check_ranges(const proto::ProposalResult& result) const;
    Verdict check_guards(const proto::ProposalResult& result) const;
    Result<Verdict> gather_writes(const proto::ProposalResult& result, state::Overlay& writes) const;
    Result<std::string> who_changed(const proto::RangeRead& range) const;
    std::string writer(const contract::Version& version) const;

    contract::Version here() const { return {height_, index_}; }

    const state::Snapshot& before_;
    const std::uint64_t height_;
    const std::uint64_t time_us_;
    std::uint32_t index_ = 0;
    state::Overlay changed_;
    std::vector<identity::crypto::Hash> ids_;  // by position
    std::vector<std::pair<identity::crypto::Hash, state::TransactionRecord>> used_;
    std::map<identity::crypto::Hash, std::uint32_t> used_at_;  // position by id
    state::OtherOutcomes others_;
};

}  // namespace fairstream::ledger::validate
