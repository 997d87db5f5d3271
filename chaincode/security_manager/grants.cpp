#include "chaincode/security_manager/grants.hpp"

#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/security_manager/draw.hpp"
#include "chaincode/security_manager/operators.hpp"

namespace fairstream::chaincode::security_manager {

namespace names = schema::names;
namespace crypto = identity::crypto;
using ledger::contract::Context;

namespace {

constexpr std::size_t kMaxReasonBytes = 200;
constexpr std::size_t kMaxStreamIdBytes = 240 - sizeof("placement/");

std::string grant_key(const std::string& id) {
    return "grant/" + id;
}
std::string placement_key(const std::string& stream_id) {
    return "placement/" + stream_id;
}

Result<schema::Grant> load_grant(Context& context, const std::string& id) {
    FS_TRY(rules::check_id("grant", id));
    return rules::require<schema::Grant>(context, grant_key(id), "grant: " + id);
}

/// The stream's writer is the holder of its newest upload grant, also if operators are drawn for an older one later:
/// anyone may ask for that.
Status set_writer(Context& context, schema::Placement& placement, const schema::Grant& grant) {
    if (placement.writer() == grant.holder() && placement.writer_key() == grant.holder_key()) return {};
    if (grant.not_before_us() < placement.writer_since_us()) return {};
    placement.set_writer_since_us(grant.not_before_us());
    placement.set_writer(grant.holder());
    placement.set_writer_key(grant.holder_key());
    return rules::store(context, placement_key(placement.stream_id()), placement);
}

/// A stream that has operators keeps them; a download of one that has none is refused.
Status take_placement(Context& context, schema::Grant& grant) {
    FS_ASSIGN(auto placement, rules::load<schema::Placement>(context, placement_key(grant.stream_id())));
    if (!placement) {
        if (grant.kind() == schema::UPLOAD) return {};
        return fail("no_placement", "no operators hold the stream " + grant.stream_id() +
                                        " yet: buy once its seller has begun the first session");
    }
    *grant.mutable_operators() = placement->operators();
    return grant.kind() == schema::UPLOAD ? set_writer(context, *placement, grant) : Status{};
}

Result<std::string> why_not_active(Context& context, const schema::Grant& grant) {
    if (grant.revoked()) return std::string("revoked");
    if (grant.operators().empty()) return std::string("not_drawn");
    if (grant.kind() == schema::UPLOAD) return std::string();
    schema::GetPurchaseRequest request;
    request.set_purchase(grant.purchase());
    FS_ASSIGN(const auto reply, rules::call<schema::PurchaseReply>(context, names::contract::kMarketplace,
                                                                   names::marketplace::kGetPurchase, request));
    if (reply.purchase().state() == schema::REFUNDED) return std::string("refunded");
    // Of a live stream each key epoch is released by itself, while it is read.
    if (reply.purchase().state() == schema::ESCROWED && !reply.purchase().has_window())
        return std::string("keys_not_released");
    return std::string();
}

Result<schema::GrantReply> reply_with(Context& context, const schema::Grant& grant) {
    schema::GrantReply reply;
    *reply.mutable_grant() = grant;
    FS_ASSIGN(const auto why_not, why_not_active(context, grant));
    reply.set_why_not(why_not);
    reply.set_active(why_not.empty());
    for (const auto& name : grant.operators()) {
        FS_ASSIGN(*reply.add_operators(), find_operator(context, name));
    }
    return reply;
}

Result<std::vector<std::string>> active_operators(Context& context) {
    FS_ASSIGN(const auto all, list_operators(context, schema::ListOperatorsRequest{}));
    std::vector<std::string> active;
    for (const auto& one : all.operators())
        if (one.active()) active.push_back(one.name());
    if (active.empty()) return fail("no_operators", "no storage operator is active");
    return active;
}

/// Draws from the block after the one that holds the request, so that whoever asked could not know it.
Result<schema::Placement> draw_placement(Context& context, const schema::Grant& grant, std::uint64_t requested_in) {
    FS_ASSIGN(const auto hash, context.block_hash(requested_in + 1));
    FS_ASSIGN(auto candidates, active_operators(context));
    schema::Placement placement;
    placement.set_stream_id(grant.stream_id());
    for (auto& name : draw(hash, grant.stream_id(), std::move(candidates))) placement.add_operators(std::move(name));
    placement.set_quorum(storage_quorum(static_cast<std::size_t>(placement.operators_size())));
    placement.set_drawn_from_block(requested_in + 1);
    FS_TRY(set_writer(context, placement, grant));
    return placement;
}

}  // namespace

Result<schema::Grant> create_grant(Context& context, const schema::CreateGrantRequest& request) {
    FS_TRY(rules::contract_only(context, names::contract::kMarketplace));
    auto grant = request.grant();
    FS_TRY(rules::check_id("grant", grant.id()));
    FS_TRY(rules::check_did("holder", grant.holder()));
    FS_TRY(rules::check_key("holder_key", grant.holder_key()));
    FS_TRY(rules::check_text("stream_id", grant.stream_id(), 1, kMaxStreamIdBytes));
    if (grant.kind() != schema::UPLOAD && grant.kind() != schema::DOWNLOAD)
        return fail("bad_arguments", "kind: upload or download");
    FS_ASSIGN(const auto taken, context.get(grant_key(grant.id())));
    if (taken) return fail("bad_arguments", "grant: this id is taken");
    grant.clear_operators();
    grant.set_revoked(false);
    FS_TRY(take_placement(context, grant));
    FS_TRY(rules::store(context, grant_key(grant.id()), grant));
    schema::GrantCreated event;
    event.set_grant(grant.id());
    event.set_stream_id(grant.stream_id());
    rules::emit(context, names::security_manager::kGrantCreated, event);
    return grant;
}

Result<schema::GrantReply> draw_operators(Context& context, const schema::DrawOperatorsRequest& request) {
    FS_ASSIGN(auto grant, load_grant(context, request.grant()));
    if (!grant.operators().empty()) return reply_with(context, grant);
    if (grant.revoked()) return fail("revoked", "the grant is revoked");
    FS_ASSIGN(const auto entry, context.get(grant_key(grant.id())));
    FS_ASSIGN(auto placed, rules::load<schema::Placement>(context, placement_key(grant.stream_id())));
    if (placed) {
        FS_TRY(set_writer(context, *placed, grant));
    } else {
        FS_ASSIGN(placed, draw_placement(context, grant, entry->version.block));
    }
    *grant.mutable_operators() = placed->operators();
    FS_TRY(rules::store(context, grant_key(grant.id()), grant));
    schema::OperatorsDrawn event;
    event.set_grant(grant.id());
    event.set_stream_id(grant.stream_id());
    *event.mutable_operators() = placed->operators();
    rules::emit(context, names::security_manager::kOperatorsDrawn, event);
    return reply_with(context, grant);
}

Result<schema::GrantReply> get_grant(Context& context, const schema::GetGrantRequest& request) {
    FS_ASSIGN(const auto grant, load_grant(context, request.grant()));
    return reply_with(context, grant);
}

Result<schema::GrantReply> revoke_grant(Context& context, const schema::RevokeGrantRequest& request) {
    const bool governed = rules::governance_only(context).has_value();
    std::string by;
    if (!governed) {
        FS_ASSIGN(by, rules::direct_actor(context));
    }
    FS_TRY(rules::check_text("reason", request.reason(), 0, kMaxReasonBytes));
    FS_ASSIGN(auto grant, load_grant(context, request.grant()));
    if (!governed && by != grant.holder()) return fail("not_holder", "the grant is " + grant.holder() + "'s");
    if (grant.revoked()) return fail("already_revoked", "the grant was revoked before");
    grant.set_revoked(true);
    FS_TRY(rules::store(context, grant_key(grant.id()), grant));
    schema::GrantRevoked event;
    event.set_grant(grant.id());
    event.set_reason(request.reason());
    rules::emit(context, names::security_manager::kGrantRevoked, event);
    return reply_with(context, grant);
}

Result<schema::Placement> get_placement(Context& context, const schema::GetPlacementRequest& request) {
    FS_TRY(rules::check_text("stream_id", request.stream_id(), 1, kMaxStreamIdBytes));
    return rules::require<schema::Placement>(context, placement_key(request.stream_id()), "placement");
}

Result<schema::Grant> find_grant(Context& context, const std::string& id, schema::GrantKind kind) {
    FS_ASSIGN(auto grant, load_grant(context, id));
    if (grant.kind() != kind)
        return fail("wrong_kind", kind == schema::UPLOAD ? "this is no upload grant" : "this is no download grant");
    if (grant.operators().empty()) return fail("not_drawn", "operators are not drawn yet (DrawOperators)");
    return grant;
}

bool signed_by_holder(const Context& context, const schema::Grant& grant, std::string_view type,
                      const std::string& payload, const std::string& signature) {
    const auto key = crypto::VerifyingKey::from_sec1(as_bytes(grant.holder_key()));
    const auto parsed = crypto::to_signature(as_bytes(signature));
    return key && parsed && key->verify(crypto::signing_input(type, context.channel(), as_bytes(payload)), *parsed);
}

Status check_token_signature(const Context& context, const schema::Grant& grant, std::string_view type,
                             const std::string& signature) {
    if (signed_by_holder(context, grant, type, grant.id(), signature)) return {};
    return fail("bad_token_signature", "not the grant holder's signature over the grant's id");
}

}  // namespace fairstream::chaincode::security_manager
