#include "chaincode/marketplace/settlement.hpp"

#include <algorithm>
#include <map>

#include "chaincode/marketplace/payments.hpp"
#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/marketplace/shares.hpp"
#include "chaincode/marketplace/window_settlement.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr int kMaxDeliveries = 64;

/// Sums that grow, and no more than was bought.
Status check_deliveries(const schema::Purchase& purchase, const schema::PurchaseProgress& before,
                        const schema::SettleRequest& request) {
    FS_TRY(rules::check_range("deliveries", request.deliveries_size(), 1, kMaxDeliveries));
    std::map<std::string_view, std::uint64_t> entries;
    std::uint64_t sum = 0;
    for (const auto& delivery : request.deliveries()) {
        if (delivery.entries() > whole(purchase).entries ||
            !entries.emplace(delivery.operator_(), delivery.entries()).second)
            return fail("bad_arguments", "deliveries: an operator twice, or more entries than were bought");
        sum += delivery.entries();
    }
    if (sum != request.delivered_entries() || sum > whole(purchase).entries)
        return fail("bad_arguments", "delivered_entries: not the sum of the deliveries, or more than were bought");
    for (const auto& old : before.deliveries()) {
        const auto now = entries.find(old.operator_());
        if (now == entries.end() || now->second < old.entries())
            return fail("bad_arguments", "deliveries: less than was paid for already");
    }
    return {};
}

schema::PurchaseProgress advanced(const schema::Purchase& purchase, const schema::PurchaseProgress& before,
                                  const schema::SettleRequest& request) {
    auto after = before;
    *after.mutable_deliveries() = request.deliveries();
    keep_accounts(before, *after.mutable_deliveries());
    after.set_delivered_entries(request.delivered_entries());
    const bool all = after.delivered_entries() == whole(purchase).entries;
    after.set_state(all ? schema::SETTLED : schema::DELIVERING);
    return after;
}

/// A receipt for a batch: each entry carries the same part of the price.
Status settle_batch(Context& context, const schema::Purchase& purchase, const schema::SettleRequest& request,
                    schema::PurchaseProgress& progress) {
    FS_TRY(check_deliveries(purchase, progress, request));
    FS_ASSIGN(const auto releases, releases_of(context, purchase));
    if (!releases.enough())
        return fail("keys_not_released", std::to_string(releases.count) + " of " + std::to_string(releases.threshold) +
                                             " custodians have released the key");
    auto after = advanced(purchase, progress, request);
    Due due;
    add_due(due, purchase.agreement(), whole(purchase), progress.deliveries(), after.deliveries());
    FS_ASSIGN(const auto paid, pay(context, purchase, due));
    after.set_paid_micro(progress.paid_micro() + paid);
    progress = std::move(after);
    return {};
}

/// The moment a refund opens. The guard on block time is what counts; refusing early spares a useless transaction.
Status open_refund(Context& context, const schema::Purchase& purchase) {
    const auto& deadlines = purchase.deadlines();
    Releases releases;
    if (!purchase.has_window()) {
        FS_ASSIGN(releases, releases_of(context, purchase));
    }
    const bool keys_wanting = !purchase.has_window() && !releases.enough();
    const auto opens = base::from_us(keys_wanting ? deadlines.release_us() : deadlines.refund_us());
    if (context.created_at() <= opens)
        return fail("too_early", keys_wanting
                                     ? "the custodians have until " + base::to_rfc3339(opens) + " to release the keys"
                                     : "what is not delivered returns after " + base::to_rfc3339(opens));
    context.require_after(opens);
    return {};
}

}  // namespace

Result<schema::SettleReply> settle(Context& context, const schema::SettleRequest& request) {
    FS_TRY(rules::contract_only(context, names::contract::kSecurityManager));
    FS_ASSIGN(auto purchase, find_purchase(context, request.purchase()));
    FS_ASSIGN(auto progress, find_progress(context, purchase.id()));
    FS_TRY(check_open(purchase, progress));
    const auto refund_opens = base::from_us(purchase.deadlines().refund_us());
    if (context.created_at() >= refund_opens) return fail("too_late", "the refund deadline has passed");
    context.require_before(refund_opens);

    schema::SettleReply reply;
    if (purchase.has_window()) {
        FS_ASSIGN(const auto through, settle_window(context, purchase, request, progress));
        reply.set_through(through);
    } else {
        FS_TRY(settle_batch(context, purchase, request, progress));
        reply.set_through(purchase.batch().last_sequence());
    }
    FS_TRY(store_progress(context, purchase.id(), progress));
    tell_paid(context, purchase, progress);
    *reply.mutable_purchase() = with_progress(std::move(purchase), progress, Releases{});
    return reply;
}

Result<schema::PurchaseReply> refund(Context& context, const schema::RefundRequest& request) {
    FS_ASSIGN(auto purchase, find_purchase(context, request.purchase()));
    FS_ASSIGN(auto progress, find_progress(context, purchase.id()));
    FS_TRY(check_open(purchase, progress));
    FS_TRY(open_refund(context, purchase));
    const auto left = held_micro(purchase, progress);
    FS_TRY(pay(context, purchase, purchase.buyer(), left));
    progress.set_returned_micro(progress.returned_micro() + left);
    const bool settled = progress.state() == schema::SETTLED;
    if (!settled) progress.set_state(schema::REFUNDED);
    FS_TRY(store_progress(context, purchase.id(), progress));
    settled ? tell_paid(context, purchase, progress) : tell_refunded(context, purchase, left);
    schema::PurchaseReply reply;
    *reply.mutable_purchase() = with_progress(std::move(purchase), progress, Releases{});
    return reply;
}

}  // namespace fairstream::chaincode::marketplace
