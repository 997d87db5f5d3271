#pragma once

#include <string>
#include <string_view>

#include "ledger/contract/context.hpp"

/// Who may call a function. Every contract function begins with one of these, unless anyone may call it.
namespace fairstream::chaincode::rules {

using ledger::contract::Context;

/// The DID that signed the transaction and called this function itself. Errors: not_callable_by_contracts, not_an_actor
/// (an organisation's certificate signed).
Result<std::string> direct_actor(const Context& context);

/// The member certificate that signed the transaction and called this function itself, in this role. Errors:
/// not_callable_by_contracts, not_a_member (a DID signed), wrong_role.
Result<identity::msp::MemberIdentity> direct_member(const Context& context, identity::msp::Role role);

/// Error: governance_only.
Status governance_only(const Context& context);

/// Error: contract_only, unless exactly this contract called.
Status contract_only(const Context& context, std::string_view contract);

}  // namespace fairstream::chaincode::rules
