#pragma once

#include <memory>

#include "ledger/contract/context.hpp"

namespace fairstream::chaincode::security_manager {

/// Storage operators, grants, and the receipts that turn storage and delivery into records and payment (data-plane.md).
///
///     RegisterOperator(RegisterOperatorRequest) -> Operator    governance only; adds or replaces
///     SetEndpoints(SetEndpointsRequest) -> Operator            by the operator's DID
///     CreateGrant(CreateGrantRequest) -> Grant                 by contract marketplace
///     DrawOperators(DrawOperatorsRequest) -> GrantReply        anyone; not_decided until the next block stands
///     RevokeGrant(RevokeGrantRequest) -> GrantReply            by the holder or governance; what was delivered is
///     still paid UploadDataStream(UploadDataStreamRequest) -> UploadRecord       by the seller; the same again answers
///     the same DownloadDataStream(DownloadDataStreamRequest) -> DownloadReply  anyone who has the buyer's receipt
///     ListOperators, GetGrant, GetPlacement, GetUpload         anyone
///
/// Errors: not_found, no_operators, no_placement, not_holder, not_operator, wrong_kind, not_drawn, revoked,
/// already_revoked, not_yet_valid, expired, bad_token_signature, bad_manifest, bad_receipt, operator_not_drawn,
/// no_quorum, foreign_grant, nothing_new, too_many_pieces, bad_arguments, and those of marketplace.Settle.
std::shared_ptr<const ledger::contract::Contract> make_contract();

}  // namespace fairstream::chaincode::security_manager
