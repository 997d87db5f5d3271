#include "chaincode/marketplace/shares.hpp"

#include "chaincode/rules/amounts.hpp"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::marketplace {

std::uint64_t delivered_of(const Deliveries& deliveries) {
    std::uint64_t all = 0;
    for (const auto& delivery : deliveries) all += delivery.entries();
    return all;
}

std::vector<Payment> earned(const schema::Agreement& agreement, const Part& part, const Deliveries& deliveries) {
    const auto [price, all] = part;
    const auto delivered = delivered_of(deliveries);
    const auto seller_rate =
        static_cast<std::uint32_t>(rules::kOne) - agreement.commission() - agreement.operator_share();
    std::vector<Payment> payments;
    std::int64_t others = 0;
    for (const auto& delivery : deliveries) {
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

Part whole(const schema::Purchase& purchase) {
    return {.price_micro = purchase.agreement().price_micro(),
            .entries = purchase.batch().last_sequence() - purchase.batch().first_sequence() + 1};
}

}  // namespace fairstream::chaincode::marketplace
