#include "chaincode/rules/trust.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "chaincode/rules/amounts.hpp"

namespace fairstream::chaincode::rules {

namespace {
constexpr auto kUnit = static_cast<std::uint64_t>(kOne);
}

Credibility credibility(std::span<const Rating> ratings, const CredibilityRules& rules) {
    std::map<std::string_view, std::uint64_t> rank;
    Wide weighted = static_cast<Wide>(rules.prior_weight) * rules.c0;
    std::uint64_t weights = 0;
    for (const auto& rating : ratings) {
        const std::uint64_t n = ++rank[rating.rater];
        const auto score =
            (static_cast<std::uint64_t>(rules.lambda) * rating.outcome + (kUnit - rules.lambda) * rating.opinion) /
            kUnit;
        const auto weight = static_cast<std::uint64_t>(rating.rater_trust) * rating.value_factor / kUnit / n;
        weighted += static_cast<Wide>(weight) * score;
        weights += weight;
    }
    const Wide total = static_cast<Wide>(rules.prior_weight) + weights;
    if (total == 0) return {.value = rules.c0, .confidence = 0};
    return {.value = static_cast<std::uint32_t>(weighted / total), .confidence = weights};
}

std::uint32_t reputation(std::span<const Identifier> identifiers) {
    std::set<std::pair<std::string_view, std::string_view>> counted;
    std::uint64_t sum = 0;
    for (const auto& identifier : identifiers)
        if (counted.emplace(identifier.issuer, identifier.type).second) sum += identifier.weight;
    return static_cast<std::uint32_t>(std::min(kUnit, sum));
}

std::uint32_t trust_score(std::uint32_t credibility, std::uint32_t reputation) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(credibility) * reputation / kUnit);
}

}  // namespace fairstream::chaincode::rules
