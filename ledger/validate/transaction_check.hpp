#pragma once

#include <string>

#include "ledger/contract/channel.hpp"

namespace fairstream::ledger::validate {

/// What went wrong, as an Outcome says it.
struct Verdict {
    proto::ValidationCode code = proto::VALID;
    std::string reason;

    bool valid() const { return code == proto::VALID; }
};

/// A transaction of a block with what can be said of it without state. The reasons are the same on every node: they
/// never quote a library.
struct CheckedTransaction {
    identity::crypto::Hash id{};
    bool has_id = false;  // false: no proposal could be found in it
    proto::Transaction transaction;
    proto::Proposal proposal;
    proto::ProposalResult result;
    Verdict form;        // MALFORMED, TIME_OUT_OF_RANGE
    Verdict signatures;  // BAD_CREATOR_SIGNATURE, STALE_CONFIG, POLICY_NOT_MET, CONFIG_REFUSED; checked if the form is
                         // valid
};

/// TIME_OUT_OF_RANGE if it was created more than 60 s from the block's time.
Verdict check_creation_time(const proto::Proposal& proposal, TimePoint block_time);

/// Well-formed, and created within 60 s of the block's time.
CheckedTransaction check_form(const contract::Channel& channel, ByteView bytes, TimePoint block_time);

/// The creator's signature, endorsements by distinct nodes of as many organisations as the config in force asks for,
/// and of a config transaction the admins' approvals. Pure and by far the dearest step: run for many transactions at
/// once in a pool. Precondition: the form is valid.
Verdict verify_signatures(const contract::Channel& channel, const CheckedTransaction& checked, TimePoint block_time);

}  // namespace fairstream::ledger::validate
