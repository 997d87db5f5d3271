#pragma once

#include <memory>

#include "ledger/contract/context.hpp"

namespace fairstream::chaincode::actors {

/// Who is who: the issuers that count, and the actors they vouch for.
///
///     TrustIssuer(TrustIssuerRequest)           governance only; adds or replaces, `active` false withdraws trust
///     RegisterAndVerifySeller(RegisterRequest)  the calling DID; private input: a presentation (vp+jwt, audience the
///     RegisterAndVerifyClient(RegisterRequest)  channel), which clients may leave out. Calling again with a newer
///                                               credential renews what has expired
///     SetStanding(Standing)                     contract trust only: the credibility that follows from ratings
///     GetStanding(GetStandingRequest)           anyone; of any DID, also one that is no actor
///     GetActor, ListActors, ListIssuers         anyone; scores and `verified` as they are at the proposal's time
///
/// A presentation never reaches the ledger: issuer, type, weight, end and a salted hash do.
/// Errors: not_verified (a seller without a presentation), untrusted_issuer, already_registered, wrong_did, not_found,
/// insufficient_funds (fees), those of identity/credential, governance_only, contract_only, not_an_actor,
/// bad_arguments.
std::shared_ptr<const ledger::contract::Contract> make_contract();

}  // namespace fairstream::chaincode::actors
