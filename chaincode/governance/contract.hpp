#pragma once

#include <memory>

#include "ledger/contract/context.hpp"

namespace fairstream::chaincode::governance {

/// Decisions of the consortium: a list of calls that runs once a majority of the organisations in the roster have
/// approved it, each by an admin's certificate, inside the transaction of the last needed approval; organisations that
/// have left since they approved do not count. The called functions see this contract as their caller.
///
///     Approve(ApproveRequest) -> ApproveReply   approving twice, or after the decision ran, changes nothing
///
/// Errors: not_a_member, wrong_role, unknown_organisation, bad_arguments, and those of the calls (none of them is made
/// then, and the approval does not count).
std::shared_ptr<const ledger::contract::Contract> make_contract();

}  // namespace fairstream::chaincode::governance
