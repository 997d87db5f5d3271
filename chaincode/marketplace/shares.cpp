#include "chaincode/marketplace/shares.hpp"

#include "chaincode/rules/amounts.hpp"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::marketplace {

std::vector<Payment> earned(const schema::Purchase& purchase, const schema::PurchaseProgress& progress) {
    const auto& agreement = purchase.agreement();
    const auto price = agreement.price_micro();
    const auto all = entries_of(purchase);
    const auto delivered = progress.delivered_entries();
    const auto seller_rate =
        static_cast<std::uint32_t>(rules::kOne) - agreement.commission() - agreement.operator_share();
    std::vector<Payment> payments;
    std::int64_t others = 0;
    for (const auto& delivery : progress.deliveries()) {
        payments.push_back(
            {delivery.account(), rules::share(price, delivery.entries(), all, agreement.operator_share())});
        others += payments.back().amount_micro;
    }
    payments.push_back({schema::names::account::kMarket, rules::share(price, delivered, all, agreement.commission())});
    others += payments.back().amount_micro;
    payments.push_back(
        {agreement.seller(), delivered == all ? price - others : rules::share(price, delivered, all, seller_rate)});
    return payments;
}

std::uint64_t entries_of(const schema::Purchase& purchase) {
    return purchase.batch().last_sequence() - purchase.batch().first_sequence() + 1;
}

}  // namespace fairstream::chaincode::marketplace
