#pragma once

#include <memory>

#include "ledger/contract/context.hpp"

namespace fairstream::chaincode::credits {

/// Money in micro-credits. Every balance, escrow and the supply is a delta key, so that a hot account never makes two
/// transactions conflict; the lower bound 0 of a debit is held again by the validator.
///
///     Mint(MintRequest)          governance only; the one way to make credits
///     Transfer(TransferRequest)  from the creator; called directly, or by contract actors for registration fees
///     Faucet(FaucetRequest)      from "faucet" to the calling actor, at most 1,000 credits a call
///     Hold(HoldRequest)          by a contract: from the creator into that contract's escrow
///     Pay(PayRequest)            by a contract: out of its own escrow, never more than is held
///     Balance, Audit             queries
///
/// Errors: insufficient_funds, insufficient_escrow, balance_limit, bad_account, same_account, governance_only,
/// contract_only, not_an_actor, bad_arguments.
std::shared_ptr<const ledger::contract::Contract> make_contract();

}  // namespace fairstream::chaincode::credits
