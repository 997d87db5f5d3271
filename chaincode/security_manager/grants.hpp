#pragma once

#include "chaincode/schema/security_manager.pb.h"
#include "identity/crypto/keys.hpp"
#include "ledger/contract/context.hpp"

/// Grants (omega for upload, delta for download) and the placement of streams on operators.
namespace fairstream::chaincode::security_manager {

Result<schema::Grant> create_grant(ledger::contract::Context& context, const schema::CreateGrantRequest& request);
Result<schema::GrantReply> draw_operators(ledger::contract::Context& context,
                                          const schema::DrawOperatorsRequest& request);
Result<schema::GrantReply> get_grant(ledger::contract::Context& context, const schema::GetGrantRequest& request);
Result<schema::GrantReply> revoke_grant(ledger::contract::Context& context, const schema::RevokeGrantRequest& request);
Result<schema::Placement> get_placement(ledger::contract::Context& context, const schema::GetPlacementRequest& request);

/// Of this kind, with operators drawn. Errors: not_found, wrong_kind, not_drawn.
Result<schema::Grant> find_grant(ledger::contract::Context& context, const std::string& id, schema::GrantKind kind);

/// Whether `signature` is the holder's over the grant's id (phi_S, phi_C). Error: bad_token_signature.
Status check_token_signature(const ledger::contract::Context& context, const schema::Grant& grant,
                             std::string_view type, const std::string& signature);
/// Whether `signature` is the holder's over signing_input(type, channel, payload).
bool signed_by_holder(const ledger::contract::Context& context, const schema::Grant& grant, std::string_view type,
                      const std::string& payload, const std::string& signature);

}  // namespace fairstream::chaincode::security_manager
