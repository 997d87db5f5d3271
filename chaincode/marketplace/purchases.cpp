#include "chaincode/marketplace/purchases.hpp"

#include "chaincode/marketplace/draft.hpp"
#include "chaincode/marketplace/key_epochs.hpp"
#include "chaincode/marketplace/offers.hpp"
#include "chaincode/marketplace/settings.hpp"
#include "chaincode/marketplace/windows.hpp"
#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
namespace crypto = identity::crypto;
using ledger::contract::Context;

namespace {

constexpr std::size_t kMinRequestId = 16;
constexpr std::size_t kMaxRequestId = 64;
constexpr std::string_view kRequestIdCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";

std::string purchase_key(const std::string& id) {
    return "purchase/" + id;
}
std::string progress_key(const std::string& id) {
    return "progress/" + id;
}
std::string request_key(const std::string& buyer, const std::string& request_id) {
    return "request/" + buyer + "/" + request_id;
}
/// A buyer's purchases in the order they were made.
std::string buyer_prefix(const std::string& buyer) {
    return "buyer/" + buyer + "/";
}
std::string buyer_key(const schema::Purchase& purchase) {
    return buyer_prefix(purchase.buyer()) + rules::sortable(purchase.agreement().made_at_us()) + "/" + purchase.id();
}

Status check_arguments(const schema::RequestDownloadTokenRequest& request) {
    FS_TRY(rules::check_word("request_id", request.request_id(), kMinRequestId, kMaxRequestId, kRequestIdCharacters));
    FS_TRY(rules::check_key("public_key", request.public_key()));
    return {};
}

/// Whoever asks holds the purchase's key: no one can have shares released to a key that is not theirs to open.
Status check_possession(const Context& context, const std::string& buyer,
                        const schema::RequestDownloadTokenRequest& request) {
    FS_ASSIGN(const auto key, rules::check_key("buyer_key", request.buyer_key()));
    const auto message = base::lp(std::string_view("fairstream/buyer-key/v1"), context.channel(),
                                  std::string_view(request.request_id()), std::string_view(buyer));
    const auto signature = crypto::to_signature(as_bytes(request.possession()));
    if (signature && key.verify(message, *signature)) return {};
    return fail("bad_possession", "possession: not a signature by buyer_key over this request");
}

Status check_not_repeated(Context& context, const std::string& buyer, const std::string& request_id) {
    FS_ASSIGN(const auto before, context.get(request_key(buyer, request_id)));
    if (!before) return {};
    return fail("duplicate_request", "this request made purchase " + base::to_string(before->value));
}

Status check_terms(Context& context, const schema::Offer& offer, const std::string& buyer) {
    FS_ASSIGN(const auto actor, registered(context, buyer));
    if (!actor.client()) return fail("not_registered", buyer + " is not registered as a client");
    if (offer.seller() == buyer) return fail("own_offer", "sellers do not buy their own data");
    const auto& terms = offer.draft().terms();
    if (terms.verified_only() && !actor.verified())
        return fail("not_verified", "the terms ask for a buyer with a trusted issuer's credential");
    if (actor.trust_score() < terms.minimum_trust())
        return fail("terms_not_met", "the terms ask for a trust score of " + std::to_string(terms.minimum_trust()) +
                                         ", the buyer has " + std::to_string(actor.trust_score()));
    return {};
}

Status check_price(const schema::Offer& offer, std::int64_t price) {
    if (price == offer.draft().price_micro()) return {};
    return fail("price_changed", "the price is " + std::to_string(offer.draft().price_micro()) +
                                     " micro-credits, not " + std::to_string(price));
}

schema::Agreement agree(const Context& context, const schema::Offer& offer, const std::string& buyer,
                        const schema::MarketSettings& settings) {
    schema::Agreement agreement;
    agreement.set_seller(offer.seller());
    agreement.set_buyer(buyer);
    agreement.set_offer(offer.id());
    *agreement.mutable_terms() = offer.draft().terms();
    agreement.set_price_micro(offer.draft().price_micro());
    agreement.set_made_at_us(base::to_us(context.created_at()));
    agreement.set_commission(settings.commission());
    agreement.set_operator_share(settings.operator_share());
    return agreement;
}

Status escrow(Context& context, const schema::Purchase& purchase) {
    schema::HoldRequest hold;
    hold.set_escrow(purchase.id());
    hold.set_amount_micro(purchase.agreement().price_micro());
    FS_TRY(rules::call<schema::Empty>(context, names::contract::kCredits, names::credits::kHold, hold));
    return {};
}

/// delta: the right to read what was bought, until the delivery deadline.
Status grant_download(Context& context, const schema::Purchase& purchase, std::uint32_t receipt_window) {
    schema::CreateGrantRequest request;
    auto& grant = *request.mutable_grant();
    grant.set_id(purchase.grant());
    grant.set_kind(schema::DOWNLOAD);
    grant.set_holder(purchase.buyer());
    grant.set_holder_key(purchase.public_key());
    grant.set_stream_id(purchase.stream_id());
    grant.set_first_sequence(purchase.batch().first_sequence());
    grant.set_last_sequence(purchase.batch().last_sequence());
    grant.set_not_before_us(purchase.agreement().made_at_us());
    grant.set_expires_us(purchase.deadlines().delivery_us());
    grant.set_purchase(purchase.id());
    grant.set_offer(purchase.agreement().offer());
    grant.set_receipt_window(receipt_window);
    if (purchase.has_window()) {
        grant.set_first_sequence(0);
        grant.set_last_sequence(rules::kMaxBatchEntries);
        grant.set_from_us(purchase.window().from_us());
        grant.set_until_us(purchase.window().until_us());
    }
    FS_TRY(rules::call<schema::Grant>(context, names::contract::kSecurityManager, names::security_manager::kCreateGrant,
                                      request));
    return {};
}

Status record(Context& context, const schema::Purchase& purchase, const schema::PurchaseProgress& progress) {
    FS_TRY(rules::store(context, purchase_key(purchase.id()), purchase));
    FS_TRY(store_progress(context, purchase.id(), progress));
    FS_TRY(context.put(request_key(purchase.buyer(), purchase.request_id()), as_bytes(purchase.id())));
    FS_TRY(context.put(buyer_key(purchase), as_bytes(purchase.id())));
    if (purchase.has_window()) FS_TRY(store_window(context, purchase));
    schema::PurchaseMade event;
    event.set_purchase(purchase.id());
    event.set_offer(purchase.agreement().offer());
    event.set_buyer(purchase.buyer());
    event.set_stream_id(purchase.stream_id());
    event.set_key_epoch(purchase.batch().key_epoch());
    rules::emit(context, names::marketplace::kPurchaseMade, event);
    return {};
}

Result<Releases> count_releases(Context& context, const schema::Purchase& purchase, std::uint32_t key_epoch) {
    schema::CountReleasesRequest request;
    request.set_purchase(purchase.id());
    request.set_stream_id(purchase.stream_id());
    request.set_key_epoch(key_epoch);
    FS_ASSIGN(const auto reply, rules::call<schema::CountReleasesReply>(context, names::contract::kCustody,
                                                                        names::custody::kCountReleases, request));
    return Releases{.count = reply.releases(), .threshold = reply.threshold()};
}

/// Of a window: of the newest key epoch that it meets.
Result<Releases> newest_releases(Context& context, const schema::Purchase& purchase) {
    FS_ASSIGN(const auto epoch,
              last_opened_before(context, purchase.agreement().offer(), purchase.window().until_us()));
    if (!epoch || !meets(*epoch, purchase.window())) return Releases{};
    return count_releases(context, purchase, epoch->number());
}

Result<schema::Purchase> current(Context& context, const std::string& id) {
    FS_ASSIGN(auto purchase, find_purchase(context, id));
    FS_ASSIGN(const auto progress, find_progress(context, id));
    Releases releases;
    if (!purchase.has_window()) {
        FS_ASSIGN(releases, releases_of(context, purchase));
    } else if (progress.state() != schema::SETTLED && progress.state() != schema::REFUNDED) {
        FS_ASSIGN(releases, newest_releases(context, purchase));
    }
    FS_ASSIGN(const auto renewal, renewal_of(context, id));
    purchase.set_renewed_by(renewal);
    return with_progress(std::move(purchase), progress, releases);
}

/// What it covers, and until when it can be delivered, paid and refunded.
Status set_cover(Context& context, const schema::Offer& offer, const schema::RequestDownloadTokenRequest& request,
                 const schema::MarketSettings& settings, schema::Purchase& purchase) {
    if (offer.draft().mode() == kStream) {
        FS_ASSIGN(*purchase.mutable_window(), make_window(context, offer, purchase.buyer(), request));
        const auto price = offer.draft().price_micro() * static_cast<std::int64_t>(request.windows());
        FS_TRY(rules::check_range("windows times price", price, 1, rules::kMaxPrice));
        purchase.mutable_agreement()->set_price_micro(price);
        *purchase.mutable_deadlines() = deadlines_from(settings, base::from_us(purchase.window().until_us()));
        return {};
    }
    FS_TRY(rules::check_range("windows", request.windows(), 0, 0));
    FS_TRY(rules::check_text("after", request.after(), 0, 0));
    FS_ASSIGN(*purchase.mutable_batch(),
              find_batch(context, offer, request.batch() == 0 ? offer.batches() : request.batch()));
    *purchase.mutable_deadlines() = deadlines_from(settings, context.created_at());
    return {};
}

}  // namespace

Result<schema::PurchaseReply> request_download_token(Context& context,
                                                     const schema::RequestDownloadTokenRequest& request) {
    FS_ASSIGN(const auto buyer, rules::direct_actor(context));
    FS_TRY(check_arguments(request));
    FS_TRY(check_possession(context, buyer, request));
    FS_TRY(check_not_repeated(context, buyer, request.request_id()));
    FS_ASSIGN(const auto offer, find_offer(context, request.offer()));
    FS_TRY(check_terms(context, offer, buyer));
    FS_TRY(check_price(offer, request.price_micro()));
    FS_ASSIGN(const auto settings, settings_now(context));

    schema::Purchase purchase;
    purchase.set_id(rules::first_id(context));
    purchase.set_request_id(request.request_id());
    purchase.set_buyer(buyer);
    purchase.set_public_key(request.public_key());
    purchase.set_buyer_key(request.buyer_key());
    *purchase.mutable_agreement() = agree(context, offer, buyer, settings);
    purchase.set_stream_id(offer.stream_id());
    FS_TRY(set_cover(context, offer, request, settings, purchase));
    purchase.set_grant(rules::second_id(context));

    schema::PurchaseProgress progress;
    progress.set_state(schema::ESCROWED);
    FS_TRY(escrow(context, purchase));
    FS_TRY(grant_download(context, purchase, settings.receipt_window()));
    FS_TRY(record(context, purchase, progress));
    schema::PurchaseReply reply;
    *reply.mutable_purchase() = with_progress(std::move(purchase), progress, Releases{});
    return reply;
}

Result<schema::PurchaseReply> get_purchase(Context& context, const schema::GetPurchaseRequest& request) {
    schema::PurchaseReply reply;
    FS_ASSIGN(*reply.mutable_purchase(), current(context, request.purchase()));
    return reply;
}

Result<schema::PurchaseReply> get_purchase_record(Context& context, const schema::GetPurchaseRequest& request) {
    schema::PurchaseReply reply;
    FS_ASSIGN(*reply.mutable_purchase(), find_purchase(context, request.purchase()));
    return reply;
}

Result<schema::ListPurchasesReply> list_purchases(Context& context, const schema::ListPurchasesRequest& request) {
    FS_TRY(rules::check_did("buyer", request.buyer()));
    const auto prefix = buyer_prefix(request.buyer());
    auto start = prefix;
    if (!request.after().empty()) {
        FS_ASSIGN(const auto after, find_purchase(context, request.after()));
        if (after.buyer() != request.buyer()) return fail("bad_arguments", "after: this purchase is another buyer's");
        start = rules::just_after(buyer_key(after));
    }
    FS_ASSIGN(const auto page, context.range(start, rules::end_of_prefix(prefix), rules::page_size(request.limit())));
    schema::ListPurchasesReply reply;
    for (const auto& entry : page) {
        FS_ASSIGN(*reply.add_purchases(), current(context, base::to_string(entry.value)));
    }
    return reply;
}

Result<schema::Purchase> find_purchase(Context& context, const std::string& id) {
    FS_TRY(rules::check_id("purchase", id));
    return rules::require<schema::Purchase>(context, purchase_key(id), "purchase: " + id);
}

Result<schema::PurchaseProgress> find_progress(Context& context, const std::string& id) {
    return rules::require<schema::PurchaseProgress>(context, progress_key(id), "purchase: " + id);
}

Status store_progress(Context& context, const std::string& id, const schema::PurchaseProgress& progress) {
    return rules::store(context, progress_key(id), progress);
}

Result<Releases> releases_of(Context& context, const schema::Purchase& purchase) {
    return count_releases(context, purchase, purchase.batch().key_epoch());
}

std::int64_t held_micro(const schema::Purchase& purchase, const schema::PurchaseProgress& progress) {
    return purchase.agreement().price_micro() - progress.paid_micro() - progress.returned_micro();
}

Status check_open(const schema::Purchase& purchase, const schema::PurchaseProgress& progress) {
    if (progress.state() == schema::SETTLED && held_micro(purchase, progress) == 0)
        return fail("already_settled", "all was delivered and paid; nothing is left in escrow");
    if (progress.state() == schema::REFUNDED) return fail("already_refunded", "the purchase was refunded");
    return {};
}

schema::Purchase with_progress(schema::Purchase purchase, const schema::PurchaseProgress& progress,
                               const Releases& releases) {
    const bool released = progress.state() == schema::ESCROWED && releases.enough();
    purchase.set_state(released ? schema::RELEASED : progress.state());
    purchase.set_paid_micro(progress.paid_micro());
    purchase.set_delivered_entries(progress.delivered_entries());
    purchase.set_returned_micro(progress.returned_micro());
    purchase.set_releases(releases.count);
    return purchase;
}

}  // namespace fairstream::chaincode::marketplace
