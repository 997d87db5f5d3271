#pragma once

#include <cstdint>
#include <span>
#include <string>

/// The trust score (marketplace.md, "Trust score"): credibility from rated transactions times reputation from verified
/// identifiers, in millionths, floor division, 128-bit intermediates. Pure functions; numbers:
/// tests/vectors/trust.json.
namespace fairstream::chaincode::rules {

struct CredibilityRules {
    std::uint32_t lambda = 500'000;          // weight of S against TR
    std::uint32_t c0 = 500'000;              // credibility without ratings
    std::uint32_t prior_weight = 1'000'000;  // M: how many full ratings c0 counts for
};

/// One rating of the scored party. All in 0..ONE.
struct Rating {
    std::string rater;
    std::uint32_t rater_trust = 0;           // TS of the rater, frozen one trust epoch back
    std::uint32_t outcome = 0;               // S: receipts, audits, failures
    std::uint32_t opinion = 0;               // TR: the counterparty's
    std::uint32_t value_factor = 1'000'000;  // TF
};

struct Credibility {
    std::uint32_t value = 0;       // Cr
    std::uint64_t confidence = 0;  // sum of w
};

/// s = (lambda S + (ONE - lambda) TR) / ONE; w = TS TF / ONE / n, n the rank among this rater's ratings, in the given
/// order; Cr = (M c0 + sum w s) / (M + sum w); c0 if both M and sum w are 0.
Credibility credibility(std::span<const Rating> ratings, const CredibilityRules& rules = {});

/// One verified identifier.
struct Identifier {
    std::string issuer;
    std::string type;
    std::uint32_t weight = 0;  // VI
};

/// min(ONE, sum of VI), the first of each (issuer, type) only.
std::uint32_t reputation(std::span<const Identifier> identifiers);

/// TS = Cr * reputation / ONE.
std::uint32_t trust_score(std::uint32_t credibility, std::uint32_t reputation);

}  // namespace fairstream::chaincode::rules
