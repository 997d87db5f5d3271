#pragma once

#include <string>

#include "chaincode/schema/actors.pb.h"
#include "ledger/contract/context.hpp"

/// Registration of actors and what their credentials are worth.
namespace fairstream::chaincode::actors {

std::string actor_key(const std::string& did);

Result<schema::ActorReply> register_seller(ledger::contract::Context& context, const schema::RegisterRequest& request);
Result<schema::ActorReply> register_client(ledger::contract::Context& context, const schema::RegisterRequest& request);

/// The actor with `verified` and `trust_score` as its unexpired credentials of issuers trusted now make them.
Result<schema::Actor> as_of_now(ledger::contract::Context& context, schema::Actor actor);

}  // namespace fairstream::chaincode::actors
