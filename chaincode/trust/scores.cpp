#include "chaincode/trust/scores.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/rules/trust.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "chaincode/trust/epochs.hpp"
#include "chaincode/trust/ratings.hpp"
#include "chaincode/trust/settings.hpp"

namespace fairstream::chaincode::trust {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::uint64_t kWindowEpochs = 10;
constexpr std::uint32_t kMaxRatingsOfOne = 500;  // in the window; those of the newest epochs count
// What one transaction may read is bounded (ledger/contract/limits.hpp): 11 + 16 * 10 ranges, and two records of each
// of at most 1499 raters.
constexpr std::uint32_t kScoredPerCall = 16;
constexpr std::size_t kRatingsPerCall = 1'000;

Result<schema::StandingReply> standing_of(Context& context, const std::string& did) {
    schema::GetStandingRequest request;
    request.set_did(did);
    return rules::call<schema::StandingReply>(context, names::contract::kActors, names::actors::kGetStanding, request);
}

/// The scores of raters, frozen one epoch back: whoever is scored first in an epoch, the others' scores are the same.
class FrozenScores {
public:
    explicit FrozenScores(std::uint64_t epoch) : epoch_(epoch) {}

    Result<std::uint32_t> of(Context& context, const std::string& did) {
        const auto known = scores_.find(did);
        if (known != scores_.end()) return known->second;
        FS_ASSIGN(const auto reply, standing_of(context, did));
        const auto& standing = reply.standing();
        const auto frozen = standing.epoch() >= epoch_ ? standing.credibility_before() : standing.credibility();
        return scores_[did] = rules::trust_score(frozen, reply.reputation());
    }

private:
    std::uint64_t epoch_;
    std::map<std::string, std::uint32_t> scores_;
};

struct Window {
    std::uint64_t first = 1;
    std::uint64_t last = 1;
};
Window window_of(std::uint64_t epoch) {
    return {.first = epoch > kWindowEpochs ? epoch - kWindowEpochs + 1 : 1, .last = epoch};
}

/// Whether all that will be known of the epoch's ratings is known. The guard on block time is what counts.
Status check_revealed(Context& context, const schema::TrustEpoch& epoch) {
    const auto until = base::from_us(epoch.reveal_until_us());
    if (context.created_at() > until) {
        context.require_after(until);
        return {};
    }
    FS_ASSIGN(const auto hidden, hidden_ratings(context, epoch.epoch()));
    if (hidden == 0) return {};
    return fail("too_early", std::to_string(hidden) + " ratings of trust epoch " + std::to_string(epoch.epoch()) +
                                 " may be revealed until " + base::to_rfc3339(until));
}

Status check_order(Context& context, const schema::TrustEpoch& epoch) {
    if (epoch.computed())
        return fail("already_computed", "trust epoch " + std::to_string(epoch.epoch()) + " was computed before");
    if (epoch.epoch() == 1) return {};
    FS_ASSIGN(const auto before, sealed_epoch(context, epoch.epoch() - 1));
    if (before.computed()) return {};
    return fail("out_of_order", "trust epoch " + std::to_string(before.epoch()) + " is computed first");
}

/// Who is scored next, and whether they are the last.
struct Next {
    std::vector<std::string> dids;
    bool last = false;
};
Result<Next> next_after(Context& context, const schema::TrustEpoch& epoch) {
    const auto window = window_of(epoch.epoch());
    std::set<std::string> rated;
    for (auto number = window.first > 1 ? window.first - 1 : 1; number <= window.last; ++number) {
        FS_ASSIGN(const auto page, rated_in(context, number, epoch.scored_through(), kScoredPerCall + 1));
        rated.insert(page.begin(), page.end());
    }
    Next next{.dids = {rated.begin(), rated.end()}, .last = rated.size() <= kScoredPerCall};
    if (!next.last) next.dids.resize(kScoredPerCall);
    return next;
}

Result<std::vector<rules::Rating>> weighed(Context& context, FrozenScores& scores,
                                           const std::vector<schema::PartyRating>& ratings) {
    std::vector<rules::Rating> out;
    for (const auto& rating : ratings) {
        FS_ASSIGN(const auto rater_trust, scores.of(context, rating.rater()));
        out.push_back({.rater = rating.rater(),
                       .rater_trust = rater_trust,
                       .outcome = rating.outcome(),
                       .opinion = rating.opinion(),
                       .value_factor = rating.value_factor()});
    }
    return out;
}

Status keep(Context& context, const std::string& did, std::uint64_t epoch, const rules::Credibility& credibility,
            std::size_t ratings) {
    FS_ASSIGN(const auto before, standing_of(context, did));
    schema::Standing standing;
    standing.set_did(did);
    standing.set_epoch(epoch);
    standing.set_credibility(credibility.value);
    standing.set_confidence(credibility.confidence);
    standing.set_ratings(static_cast<std::uint32_t>(ratings));
    standing.set_credibility_before(before.standing().credibility());
    FS_TRY(rules::call<schema::Standing>(context, names::contract::kActors, names::actors::kSetStanding, standing));
    schema::TrustScored event;
    event.set_did(did);
    event.set_epoch(epoch);
    event.set_credibility(credibility.value);
    event.set_confidence(credibility.confidence);
    rules::emit(context, names::trust::kTrustScored, event);
    return {};
}

/// Scores `next` as far as one transaction reaches, and writes down how far that was.
Status score(Context& context, schema::TrustEpoch& epoch, const Next& next) {
    FS_ASSIGN(const auto settings, settings_now(context));
    rules::CredibilityRules formula;
    formula.lambda = settings.lambda();
    formula.prior_weight = settings.prior_weight();
    const auto window = window_of(epoch.epoch());
    FrozenScores scores(epoch.epoch());
    std::size_t read = 0;
    for (const auto& did : next.dids) {
        if (read >= kRatingsPerCall) return {};
        FS_ASSIGN(const auto ratings, ratings_of(context, did, window.first, window.last, kMaxRatingsOfOne));
        FS_ASSIGN(const auto inputs, weighed(context, scores, ratings));
        FS_TRY(keep(context, did, epoch.epoch(), rules::credibility(inputs, formula), ratings.size()));
        epoch.set_scored_through(did);
        read += ratings.size();
    }
    epoch.set_computed(next.last);
    return {};
}

Result<bool> is_active_operator(Context& context, const std::string& did) {
    FS_ASSIGN(const auto reply, rules::call<schema::ListOperatorsReply>(context, names::contract::kSecurityManager,
                                                                        names::security_manager::kListOperators,
                                                                        schema::ListOperatorsRequest{}));
    const auto& all = reply.operators();
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.active() && one.did() == did; });
}

}  // namespace

Result<schema::TrustEpochReply> compute_epoch(Context& context, const schema::ComputeEpochRequest& request) {
    schema::TrustEpochReply reply;
    auto& epoch = *reply.mutable_epoch();
    FS_ASSIGN(epoch, sealed_epoch(context, request.epoch()));
    FS_TRY(check_order(context, epoch));
    FS_TRY(check_revealed(context, epoch));
    FS_ASSIGN(const auto next, next_after(context, epoch));
    FS_TRY(score(context, epoch, next));
    FS_TRY(store_sealed(context, epoch));
    return reply;
}

Result<schema::TrustScore> get_score(Context& context, const schema::GetScoreRequest& request) {
    FS_TRY(rules::check_did("did", request.did()));
    FS_ASSIGN(const auto reply, standing_of(context, request.did()));
    auto reputation = reply.reputation();
    if (!reply.registered()) {
        FS_ASSIGN(const bool vouched, is_active_operator(context, request.did()));
        if (vouched) reputation = static_cast<std::uint32_t>(rules::kOne);
    }
    schema::TrustScore score;
    score.set_did(request.did());
    score.set_credibility(reply.standing().credibility());
    score.set_reputation(reputation);
    score.set_trust_score(rules::trust_score(score.credibility(), reputation));
    score.set_confidence(reply.standing().confidence());
    score.set_ratings(reply.standing().ratings());
    score.set_epoch(reply.standing().epoch());
    return score;
}

}  // namespace fairstream::chaincode::trust
