#include "chaincode/actors/contract.hpp"

#include "chaincode/actors/issuers.hpp"
#include "chaincode/actors/registration.hpp"
#include "chaincode/actors/standings.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/names.hpp"
#include "ledger/contract/functions.hpp"

namespace fairstream::chaincode::actors {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

Result<schema::ActorReply> get_actor(Context& context, const schema::GetActorRequest& request) {
    FS_TRY(rules::check_did("did", request.did()));
    FS_ASSIGN(auto actor, rules::require<schema::Actor>(context, actor_key(request.did()), "actor: " + request.did()));
    schema::ActorReply reply;
    FS_ASSIGN(*reply.mutable_actor(), as_of_now(context, std::move(actor)));
    return reply;
}

Result<schema::ListActorsReply> list_actors(Context& context, const schema::ListActorsRequest& request) {
    FS_TRY(rules::check_text("after", request.after(), 0, rules::kMaxDidBytes));
    const auto first = actor_key("");
    const auto start = request.after().empty() ? first : rules::just_after(actor_key(request.after()));
    FS_ASSIGN(const auto entries, context.range(start, rules::end_of_prefix(first), rules::page_size(request.limit())));
    schema::ListActorsReply reply;
    for (const auto& entry : entries) {
        schema::Actor actor;
        if (!actor.ParseFromArray(entry.value.data(), static_cast<int>(entry.value.size())))
            return fail("corrupt_state", "the record under " + entry.key + " does not parse");
        FS_ASSIGN(*reply.add_actors(), as_of_now(context, std::move(actor)));
    }
    return reply;
}

}  // namespace

std::shared_ptr<const ledger::contract::Contract> make_contract() {
    ledger::contract::Functions functions;
    functions.add(names::actors::kTrustIssuer, &trust_issuer);
    functions.add(names::actors::kListIssuers, &list_issuers);
    functions.add(names::actors::kRegisterAndVerifySeller, &register_seller);
    functions.add(names::actors::kRegisterAndVerifyClient, &register_client);
    functions.add(names::actors::kGetActor, &get_actor);
    functions.add(names::actors::kListActors, &list_actors);
    functions.add(names::actors::kSetStanding, &set_standing);
    functions.add(names::actors::kGetStanding, &get_standing);
    return std::make_shared<ledger::contract::TableContract>(names::contract::kActors, std::move(functions));
}

}  // namespace fairstream::chaincode::actors
