#include "marketplace_dapp/events/refund_plan.hpp"

#include <algorithm>

#include "identity/crypto/hash.hpp"

namespace fairstream::marketplace_dapp::events {

std::uint64_t RefundPlan::own_delay_us(const std::string& purchase) const {
    const auto hash = identity::crypto::sha256_of({base::as_bytes(did_), base::as_bytes(purchase)});
    std::uint64_t drawn = 0;
    for (std::size_t i = 0; i < sizeof drawn; ++i) drawn = drawn << 8 | hash[i];
    const auto spread = static_cast<std::uint64_t>(limits_.spread.count());
    return spread == 0 ? 0 : drawn % spread;
}

std::vector<std::string> RefundPlan::next(const std::vector<Overdue>& overdue, std::uint64_t now_us) {
    std::map<std::string, Attempts> still;
    std::vector<std::string> now;
    for (const auto& [purchase, since_us] : overdue) {
        const auto tried = attempts_.find(purchase);
        const auto attempts = tried == attempts_.end() ? Attempts{} : tried->second;
        if (tried != attempts_.end()) still.emplace(purchase, attempts);
        if (attempts.count >= limits_.max_attempts) continue;
        const auto from = std::max(since_us + own_delay_us(purchase), attempts.not_before_us);
        if (now_us > from) now.push_back(purchase);
    }
    attempts_ = std::move(still);
    return now;
}

bool RefundPlan::failed(const std::string& purchase, std::uint64_t now_us) {
    auto& attempts = attempts_[purchase];
    attempts.not_before_us = now_us + (static_cast<std::uint64_t>(limits_.first_pause.count()) << attempts.count);
    return ++attempts.count < limits_.max_attempts;
}

}  // namespace fairstream::marketplace_dapp::events
