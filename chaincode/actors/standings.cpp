#include "chaincode/actors/standings.hpp"

#include "chaincode/actors/registration.hpp"
#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/rules/trust.hpp"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::actors {

using ledger::contract::Context;

namespace {

std::string standing_key(const std::string& did) {
    return "standing/" + did;
}

}  // namespace

Result<schema::Standing> set_standing(Context& context, const schema::Standing& standing) {
    FS_TRY(rules::contract_only(context, schema::names::contract::kTrust));
    FS_TRY(rules::check_did("did", standing.did()));
    FS_TRY(rules::check_range("credibility", standing.credibility(), 0, rules::kOne));
    FS_TRY(rules::check_range("credibility_before", standing.credibility_before(), 0, rules::kOne));
    FS_TRY(rules::store(context, standing_key(standing.did()), standing));
    return standing;
}

Result<schema::StandingReply> get_standing(Context& context, const schema::GetStandingRequest& request) {
    FS_TRY(rules::check_did("did", request.did()));
    schema::StandingReply reply;
    FS_ASSIGN(*reply.mutable_standing(), standing_of(context, request.did()));
    FS_ASSIGN(const auto actor, rules::load<schema::Actor>(context, actor_key(request.did())));
    reply.set_registered(actor.has_value());
    if (actor) {
        FS_ASSIGN(const auto worth, worth_of(context, *actor));
        reply.set_reputation(worth.reputation);
    }
    return reply;
}

Result<schema::Standing> standing_of(Context& context, const std::string& did) {
    FS_ASSIGN(auto found, rules::load<schema::Standing>(context, standing_key(did)));
    if (found) return std::move(*found);
    schema::Standing unrated;
    unrated.set_did(did);
    unrated.set_credibility(rules::credibility({}).value);
    unrated.set_credibility_before(unrated.credibility());
    return unrated;
}

}  // namespace fairstream::chaincode::actors
