#include "chaincode/marketplace/payments.hpp"

#include "chaincode/marketplace/purchases.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/credits.pb.h"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
using ledger::contract::Context;

void add_due(Due& due, const schema::Agreement& agreement, const Part& part, const Deliveries& before,
             const Deliveries& after) {
    for (const auto& payment : earned(agreement, part, after)) due[payment.account] += payment.amount_micro;
    for (const auto& payment : earned(agreement, part, before)) due[payment.account] -= payment.amount_micro;
}

Status pay(Context& context, const schema::Purchase& purchase, const std::string& account, std::int64_t amount_micro) {
    if (amount_micro == 0) return {};
    schema::PayRequest request;
    request.set_escrow(purchase.id());
    request.set_to(account);
    request.set_amount_micro(amount_micro);
    FS_TRY(rules::call<schema::Empty>(context, names::contract::kCredits, names::credits::kPay, request));
    return {};
}

Result<std::int64_t> pay(Context& context, const schema::Purchase& purchase, const Due& due) {
    std::int64_t sum = 0;
    for (const auto& [account, amount] : due) {
        FS_TRY(pay(context, purchase, account, amount));
        sum += amount;
    }
    return sum;
}

void keep_accounts(const schema::PurchaseProgress& before, Deliveries& deliveries) {
    for (auto& delivery : deliveries)
        for (const auto& old : before.deliveries())
            if (old.operator_() == delivery.operator_()) delivery.set_account(old.account());
}

void tell_paid(Context& context, const schema::Purchase& purchase, const schema::PurchaseProgress& progress) {
    schema::PurchasePaid event;
    event.set_purchase(purchase.id());
    event.set_paid_micro(progress.paid_micro());
    event.set_delivered_entries(progress.delivered_entries());
    event.set_settled(progress.state() == schema::SETTLED && held_micro(purchase, progress) == 0);
    event.set_returned_micro(progress.returned_micro());
    rules::emit(context, names::marketplace::kPurchasePaid, event);
}

void tell_refunded(Context& context, const schema::Purchase& purchase, std::int64_t amount_micro) {
    schema::PurchaseRefunded event;
    event.set_purchase(purchase.id());
    event.set_amount_micro(amount_micro);
    rules::emit(context, names::marketplace::kPurchaseRefunded, event);
}

}  // namespace fairstream::chaincode::marketplace
