#include "chaincode/actors/registration.hpp"

#include <algorithm>

#include "chaincode/actors/issuers.hpp"
#include "chaincode/actors/standings.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/rules/trust.hpp"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "identity/credential/presentation.hpp"

namespace fairstream::chaincode::actors {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr int kMaxIdentifiers = 16;
constexpr std::size_t kMaxPresentationBytes = 32u << 10;
constexpr std::uint32_t kClientFloor = 100'000;  // VI of a client without credentials

enum class Role { kSeller, kClient };

/// What the presented credential proves of its holder. Error: untrusted_issuer, and those of the presentation.
Result<schema::VerifiedIdentifier> verify(Context& context, const std::string& did) {
    const auto jwt = as_text(context.private_inputs());
    if (jwt.size() > kMaxPresentationBytes) return fail("bad_presentation", "larger than 32 KiB");
    FS_ASSIGN(const auto shown,
              identity::credential::verify_presentation(jwt, context.channel(), context.created_at()));
    if (shown.holder != did || shown.credential.subject != did)
        return fail("wrong_holder", "the credential is " + shown.credential.subject + "'s, the caller is " + did);
    FS_ASSIGN(const auto issuer, trusted_issuer(context, shown.credential.issuer));
    if (!issuer) return fail("untrusted_issuer", "the consortium does not trust the issuer " + shown.credential.issuer);
    const auto& types = shown.credential.types;
    const auto type = std::find_if(types.begin(), types.end(), [&](const auto& t) { return counts_for(*issuer, t); });
    if (type == types.end())
        return fail("untrusted_issuer", "the issuer " + issuer->did() + " is not trusted for this type of credential");
    FS_TRY(rules::check_text("credential type", *type, 1, 128));
    schema::VerifiedIdentifier identifier;
    identifier.set_issuer(issuer->did());
    identifier.set_type(*type);
    identifier.set_weight(issuer->weight());
    identifier.set_credential_hash(rules::as_field(
        identity::crypto::sha256(base::lp(std::string_view(shown.nonce), std::string_view(shown.credential_jwt)))));
    identifier.set_valid_until_us(base::to_us(shown.credential.valid_until));
    return identifier;
}

/// Adds the identifier, or renews the one of the same issuer and type. False if that changes nothing.
Result<bool> add_identifier(schema::Actor& actor, schema::VerifiedIdentifier identifier) {
    for (auto& held : *actor.mutable_identifiers()) {
        if (held.issuer() != identifier.issuer() || held.type() != identifier.type()) continue;
        if (identifier.valid_until_us() <= held.valid_until_us() && identifier.weight() == held.weight()) return false;
        held = std::move(identifier);
        return true;
    }
    if (actor.identifiers_size() >= kMaxIdentifiers)
        return fail("bad_arguments", "an actor holds at most 16 verified identifiers");
    *actor.add_identifiers() = std::move(identifier);
    return true;
}

Status pay_fee(Context& context, Role role) {
    FS_ASSIGN(const auto reply,
              rules::call<schema::SettingsReply>(context, names::contract::kMarketplace,
                                                 names::marketplace::kGetSettings, schema::GetSettingsRequest{}));
    const auto fee = role == Role::kSeller ? reply.settings().seller_fee_micro() : reply.settings().client_fee_micro();
    if (fee <= 0) return {};
    schema::TransferRequest transfer;
    transfer.set_to(names::account::kMarket);
    transfer.set_amount_micro(fee);
    transfer.set_memo("registration");
    FS_TRY(rules::call<schema::Empty>(context, names::contract::kCredits, names::credits::kTransfer, transfer));
    return {};
}

schema::Actor new_actor(const Context& context, const schema::RegisterRequest& request) {
    schema::Actor actor;
    actor.set_did(request.did());
    actor.set_public_key(request.public_key());
    actor.set_credibility(rules::credibility({}).value);
    actor.set_registered_at_us(base::to_us(context.created_at()));
    return actor;
}

Status check_caller(const Context& context, const schema::RegisterRequest& request) {
    FS_ASSIGN(const auto did, rules::direct_actor(context));
    FS_ASSIGN(const auto key, rules::check_did("did", request.did()));
    if (request.did() != did) return fail("wrong_did", "an actor registers itself: " + did + " signed this");
    if (request.public_key() != rules::as_field(key.compressed()))
        return fail("bad_arguments", "public_key: not the key of this did:key, SEC1 compressed");
    return {};
}

Result<schema::ActorReply> register_as(Context& context, const schema::RegisterRequest& request, Role role) {
    FS_TRY(check_caller(context, request));
    const bool presents = !context.private_inputs().empty();
    if (role == Role::kSeller && !presents)
        return fail("not_verified", "a seller registers with a presentation of a trusted issuer's credential");
    FS_ASSIGN(auto found, rules::load<schema::Actor>(context, actor_key(request.did())));
    auto actor = found ? std::move(*found) : new_actor(context, request);
    const bool has_role = role == Role::kSeller ? actor.seller() : actor.client();
    bool changed = !has_role;
    if (presents) {
        FS_ASSIGN(auto identifier, verify(context, request.did()));
        FS_ASSIGN(const bool added, add_identifier(actor, std::move(identifier)));
        changed = changed || added;
    }
    if (!changed) return fail("already_registered", request.did() + " is registered already");
    if (!has_role) FS_TRY(pay_fee(context, role));
    role == Role::kSeller ? actor.set_seller(true) : actor.set_client(true);
    FS_ASSIGN(actor, as_of_now(context, std::move(actor)));

    schema::ActorRegistered event;
    event.set_did(actor.did());
    event.set_seller(actor.seller());
    event.set_verified(actor.verified());
    event.set_trust_score(actor.trust_score());
    rules::emit(context, names::actors::kActorRegistered, event);
    schema::ActorReply reply;
    *reply.mutable_actor() = actor;
    actor.clear_verified();
    FS_TRY(rules::store(context, actor_key(actor.did()), actor));
    return reply;
}

}  // namespace

std::string actor_key(const std::string& did) {
    return "actor/" + did;
}

Result<schema::ActorReply> register_seller(Context& context, const schema::RegisterRequest& request) {
    return register_as(context, request, Role::kSeller);
}

Result<schema::ActorReply> register_client(Context& context, const schema::RegisterRequest& request) {
    return register_as(context, request, Role::kClient);
}

Result<schema::Actor> as_of_now(Context& context, schema::Actor actor) {
    FS_ASSIGN(const auto standing, standing_of(context, actor.did()));
    FS_ASSIGN(const auto worth, worth_of(context, actor));
    actor.set_verified(worth.verified);
    actor.set_credibility(standing.credibility());
    actor.set_trust_score(rules::trust_score(standing.credibility(), worth.reputation));
    return actor;
}

Result<Worth> worth_of(Context& context, const schema::Actor& actor) {
    const auto now = base::to_us(context.created_at());
    std::vector<rules::Identifier> counted;
    for (const auto& held : actor.identifiers()) {
        if (held.valid_until_us() <= now) continue;
        FS_ASSIGN(const auto issuer, trusted_issuer(context, held.issuer()));
        if (issuer && counts_for(*issuer, held.type()))
            counted.push_back({.issuer = held.issuer(), .type = held.type(), .weight = issuer->weight()});
    }
    Worth worth{.reputation = rules::reputation(counted), .verified = !counted.empty()};
    if (actor.client()) worth.reputation = std::max(worth.reputation, kClientFloor);
    return worth;
}

}  // namespace fairstream::chaincode::actors
