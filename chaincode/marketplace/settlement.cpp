#include "chaincode/marketplace/settlement.hpp"

#include <algorithm>
#include <map>

#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/marketplace/shares.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr int kMaxDeliveries = 64;

Status check_open(const schema::PurchaseProgress& progress) {
    if (progress.state() == schema::SETTLED)
        return fail("already_settled", "all was delivered and paid; nothing is left in escrow");
    if (progress.state() == schema::REFUNDED) return fail("already_refunded", "the purchase was refunded");
    return {};
}

/// Sums that grow, and no more than was bought.
Status check_deliveries(const schema::Purchase& purchase, const schema::PurchaseProgress& before,
                        const schema::SettleRequest& request) {
    FS_TRY(rules::check_range("deliveries", request.deliveries_size(), 1, kMaxDeliveries));
    std::map<std::string_view, std::uint64_t> entries;
    std::uint64_t sum = 0;
    for (const auto& delivery : request.deliveries()) {
        if (delivery.entries() > entries_of(purchase) ||
            !entries.emplace(delivery.operator_(), delivery.entries()).second)
            return fail("bad_arguments", "deliveries: an operator twice, or more entries than were bought");
        sum += delivery.entries();
    }
    if (sum != request.delivered_entries() || sum > entries_of(purchase))
        return fail("bad_arguments", "delivered_entries: not the sum of the deliveries, or more than were bought");
    for (const auto& old : before.deliveries()) {
        const auto now = entries.find(old.operator_());
        if (now == entries.end() || now->second < old.entries())
            return fail("bad_arguments", "deliveries: less than was paid for already");
    }
    return {};
}

/// The deliveries as recorded: an operator keeps the account that its first entry of this purchase was paid to, also
/// when the consortium gives the operator another key meanwhile.
schema::PurchaseProgress advanced(const schema::Purchase& purchase, const schema::PurchaseProgress& before,
                                  const schema::SettleRequest& request) {
    auto after = before;
    *after.mutable_deliveries() = request.deliveries();
    for (auto& delivery : *after.mutable_deliveries())
        for (const auto& old : before.deliveries())
            if (old.operator_() == delivery.operator_()) delivery.set_account(old.account());
    after.set_delivered_entries(request.delivered_entries());
    after.set_state(after.delivered_entries() == entries_of(purchase) ? schema::SETTLED : schema::DELIVERING);
    return after;
}

Status pay(Context& context, const schema::Purchase& purchase, const std::string& account, std::int64_t amount) {
    if (amount == 0) return {};
    schema::PayRequest request;
    request.set_escrow(purchase.id());
    request.set_to(account);
    request.set_amount_micro(amount);
    FS_TRY(rules::call<schema::Empty>(context, names::contract::kCredits, names::credits::kPay, request));
    return {};
}

/// Pays everyone what `after` earns beyond `before`; returns how much left escrow.
Result<std::int64_t> pay_difference(Context& context, const schema::Purchase& purchase,
                                    const schema::PurchaseProgress& before, const schema::PurchaseProgress& after) {
    std::map<std::string, std::int64_t> due;
    for (const auto& payment : earned(purchase, after)) due[payment.account] += payment.amount_micro;
    for (const auto& payment : earned(purchase, before)) due[payment.account] -= payment.amount_micro;
    std::int64_t sum = 0;
    for (const auto& [account, amount] : due) {
        FS_TRY(pay(context, purchase, account, amount));
        sum += amount;
    }
    return sum;
}

void tell_paid(Context& context, const schema::Purchase& purchase, const schema::PurchaseProgress& progress) {
    schema::PurchasePaid event;
    event.set_purchase(purchase.id());
    event.set_paid_micro(progress.paid_micro());
    event.set_delivered_entries(progress.delivered_entries());
    event.set_settled(progress.state() == schema::SETTLED);
    rules::emit(context, names::marketplace::kPurchasePaid, event);
}

/// The moment a refund opens. The guard on block time is what counts; refusing early spares a useless transaction.
Status open_refund(Context& context, const schema::Purchase& purchase, const Releases& releases) {
    const auto& deadlines = purchase.deadlines();
    const auto opens = base::from_us(releases.enough() ? deadlines.refund_us() : deadlines.release_us());
    if (context.created_at() <= opens)
        return fail("too_early",
                    releases.enough()
                        ? "the keys are released; what is not delivered returns after " + base::to_rfc3339(opens)
                        : "the custodians have until " + base::to_rfc3339(opens) + " to release the keys");
    context.require_after(opens);
    return {};
}

schema::PurchaseReply answer(schema::Purchase purchase, const schema::PurchaseProgress& progress,
                             const Releases& releases) {
    schema::PurchaseReply reply;
    *reply.mutable_purchase() = with_progress(std::move(purchase), progress, releases);
    return reply;
}

}  // namespace

Result<schema::PurchaseReply> settle(Context& context, const schema::SettleRequest& request) {
    FS_TRY(rules::contract_only(context, names::contract::kSecurityManager));
    FS_ASSIGN(const auto purchase, find_purchase(context, request.purchase()));
    FS_ASSIGN(const auto before, find_progress(context, purchase.id()));
    FS_TRY(check_open(before));
    FS_TRY(check_deliveries(purchase, before, request));
    FS_ASSIGN(const auto releases, releases_of(context, purchase));
    if (!releases.enough())
        return fail("keys_not_released", std::to_string(releases.count) + " of " + std::to_string(releases.threshold) +
                                             " custodians have released the key");
    const auto refund_opens = base::from_us(purchase.deadlines().refund_us());
    if (context.created_at() >= refund_opens) return fail("too_late", "the refund deadline has passed");
    context.require_before(refund_opens);

    auto after = advanced(purchase, before, request);
    FS_ASSIGN(const auto paid, pay_difference(context, purchase, before, after));
    after.set_paid_micro(before.paid_micro() + paid);
    FS_TRY(store_progress(context, purchase.id(), after));
    tell_paid(context, purchase, after);
    return answer(purchase, after, releases);
}

Result<schema::PurchaseReply> refund(Context& context, const schema::RefundRequest& request) {
    FS_ASSIGN(const auto purchase, find_purchase(context, request.purchase()));
    FS_ASSIGN(auto progress, find_progress(context, purchase.id()));
    FS_TRY(check_open(progress));
    FS_ASSIGN(const auto releases, releases_of(context, purchase));
    FS_TRY(open_refund(context, purchase, releases));
    const auto left = purchase.agreement().price_micro() - progress.paid_micro();
    FS_TRY(pay(context, purchase, purchase.buyer(), left));
    progress.set_state(schema::REFUNDED);
    FS_TRY(store_progress(context, purchase.id(), progress));
    schema::PurchaseRefunded event;
    event.set_purchase(purchase.id());
    event.set_amount_micro(left);
    rules::emit(context, names::marketplace::kPurchaseRefunded, event);
    return answer(purchase, progress, releases);
}

}  // namespace fairstream::chaincode::marketplace
