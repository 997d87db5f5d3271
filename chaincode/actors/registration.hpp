#pragma once

#include <string>

#include "chaincode/schema/actors.pb.h"
#include "ledger/contract/context.hpp"

/// Registration of actors and what their credentials are worth.
namespace fairstream::chaincode::actors {

std::string actor_key(const std::string& did);

Result<schema::ActorReply> register_seller(ledger::contract::Context& context, const schema::RegisterRequest& request);
Result<schema::ActorReply> register_client(ledger::contract::Context& context, const schema::RegisterRequest& request);

/// What an actor's identifiers are worth: the unexpired ones, of issuers trusted now; clients have a small floor.
struct Worth {
    std::uint32_t reputation = 0;
    bool verified = false;
};
Result<Worth> worth_of(ledger::contract::Context& context, const schema::Actor& actor);

/// The actor with `verified`, `credibility` and `trust_score` as its identifiers and its standing make them now.
Result<schema::Actor> as_of_now(ledger::contract::Context& context, schema::Actor actor);

}  // namespace fairstream::chaincode::actors
