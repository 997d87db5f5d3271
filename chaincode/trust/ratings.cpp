#include "chaincode/trust/ratings.hpp"

#include <algorithm>

#include "chaincode/rules/amounts.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/security_manager.pb.h"
#include "chaincode/schema/trust_records.hpp"
#include "chaincode/trust/epochs.hpp"
#include "chaincode/trust/settings.hpp"

namespace fairstream::chaincode::trust {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::uint32_t kMaxPartiesOfPurchase = 100;
constexpr std::int64_t kMaxHidden = std::int64_t{1} << 40;

/// One side rates another party of a purchase once, in whichever epoch: purchase and ratee name the rating.
std::string rating_prefix(const std::string& purchase) {
    return "rating/" + purchase + "/";
}
std::string rating_key(const std::string& purchase, const std::string& ratee) {
    return rating_prefix(purchase) + ratee;
}
/// Where a revealed rating lies for the computation.
std::string revealed_prefix(const std::string& ratee, std::uint64_t epoch) {
    return "revealed/" + ratee + "/" + rules::sortable(epoch) + "/";
}
std::string revealed_key(const schema::PartyRating& rating) {
    return revealed_prefix(rating.ratee(), rating.epoch()) + rules::sortable(rating.rated_at_us()) + "/" +
           rating.purchase();
}
std::string rated_prefix(std::uint64_t epoch) {
    return "rated/" + rules::sortable(epoch) + "/";
}
std::string hidden_key(std::uint64_t epoch) {
    return "hidden/" + rules::sortable(epoch);
}

Result<schema::PartyRating> parse(const ledger::contract::Entry& entry) {
    schema::PartyRating rating;
    if (!rating.ParseFromArray(entry.value.data(), static_cast<int>(entry.value.size())))
        return fail("corrupt_state", "the record under " + entry.key + " does not parse");
    return rating;
}

Result<schema::Purchase> finished_purchase(Context& context, const std::string& id) {
    schema::GetPurchaseRequest request;
    request.set_purchase(id);
    FS_ASSIGN(auto reply, rules::call<schema::PurchaseReply>(context, names::contract::kMarketplace,
                                                             names::marketplace::kGetPurchase, request));
    const auto state = reply.purchase().state();
    if (state != schema::SETTLED && state != schema::REFUNDED)
        return fail("not_settled", "a purchase is rated once it is settled or refunded");
    return std::move(*reply.mutable_purchase());
}

Result<bool> serves(Context& context, const schema::Purchase& purchase, const std::string& did) {
    schema::GetGrantRequest request;
    request.set_grant(purchase.grant());
    FS_ASSIGN(const auto reply, rules::call<schema::GrantReply>(context, names::contract::kSecurityManager,
                                                                names::security_manager::kGetGrant, request));
    const auto& all = reply.operators();
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.did() == did; });
}

/// The seller rates the buyer; the buyer rates the seller and the operators.
Status check_parties(Context& context, const schema::Purchase& purchase, const std::string& rater,
                     const std::string& ratee) {
    const auto& seller = purchase.agreement().seller();
    if (rater == ratee) return fail("not_party", "no one rates itself");
    if (rater == seller && ratee == purchase.buyer()) return {};
    if (rater != purchase.buyer()) return fail("not_party", rater + " may not rate " + ratee + " for this purchase");
    if (ratee == seller) return {};
    FS_ASSIGN(const bool served, serves(context, purchase, ratee));
    if (served) return {};
    return fail("not_party", ratee + " is neither the seller nor an operator of this purchase");
}

/// S: what was delivered of what was bought; of time that was bought, what of it was paid for.
std::uint32_t outcome_of(const schema::Purchase& purchase) {
    constexpr auto kAll = static_cast<std::uint32_t>(rules::kOne);
    if (purchase.has_window())
        return static_cast<std::uint32_t>(rules::share(rules::kOne, static_cast<std::uint64_t>(purchase.paid_micro()),
                                                       static_cast<std::uint64_t>(purchase.agreement().price_micro()),
                                                       kAll));
    const auto entries = purchase.batch().last_sequence() - purchase.batch().first_sequence() + 1;
    return static_cast<std::uint32_t>(rules::share(rules::kOne, std::min(purchase.delivered_entries(), entries),
                                                   entries, static_cast<std::uint32_t>(rules::kOne)));
}

/// TF = min(ONE, value / reference value).
std::uint32_t value_factor(std::int64_t value_micro, std::int64_t reference_micro) {
    if (value_micro >= reference_micro) return static_cast<std::uint32_t>(rules::kOne);
    const auto product = static_cast<rules::Wide>(value_micro) * static_cast<rules::Wide>(rules::kOne);
    return static_cast<std::uint32_t>(product / static_cast<rules::Wide>(reference_micro));
}

Result<schema::PartyRating> new_rating(Context& context, const schema::Purchase& purchase, const std::string& rater,
                                       const schema::RateRequest& request) {
    FS_ASSIGN(const auto epoch, open_epoch(context));
    FS_ASSIGN(const auto settings, settings_now(context));
    schema::PartyRating rating;
    rating.set_purchase(purchase.id());
    rating.set_rater(rater);
    rating.set_ratee(request.ratee());
    rating.set_epoch(epoch.epoch());
    rating.set_commitment(request.commitment());
    rating.set_rated_at_us(base::to_us(context.created_at()));
    rating.set_outcome(outcome_of(purchase));
    rating.set_value_factor(value_factor(purchase.agreement().price_micro(), settings.reference_value_micro()));
    return rating;
}

/// Only what was committed to, by whom, and in time.
Status check_reveal(Context& context, const schema::PartyRating& rating, const schema::RevealRequest& request) {
    FS_ASSIGN(const auto rater, rules::direct_actor(context));
    if (rating.rater() != rater) return fail("not_rater", "this rating is " + rating.rater() + "'s to reveal");
    if (rating.revealed()) return fail("already_revealed", "this rating was revealed before");
    const auto committed =
        schema::rating_commitment(as_bytes(request.salt()), request.purchase(), request.ratee(), request.opinion());
    if (rules::as_field(committed) != rating.commitment())
        return fail("commitment_mismatch", "salt and opinion are not those that were committed to");
    FS_ASSIGN(const auto epoch, sealed_epoch(context, rating.epoch()));
    const auto until = base::from_us(epoch.reveal_until_us());
    if (context.created_at() >= until)
        return fail("too_late", "ratings of this trust epoch were revealed until " + base::to_rfc3339(until));
    context.require_before(until);
    return {};
}

void tell_revealed(Context& context, const schema::PartyRating& rating) {
    schema::RatingRevealed event;
    event.set_purchase(rating.purchase());
    event.set_rater(rating.rater());
    event.set_ratee(rating.ratee());
    event.set_opinion(rating.opinion());
    rules::emit(context, names::trust::kRatingRevealed, event);
}

}  // namespace

Result<schema::RatingReply> rate(Context& context, const schema::RateRequest& request) {
    FS_ASSIGN(const auto rater, rules::direct_actor(context));
    FS_TRY(rules::check_did("ratee", request.ratee()));
    FS_TRY(rules::check_size("commitment", request.commitment(), std::tuple_size_v<identity::crypto::Hash>));
    FS_ASSIGN(const auto purchase, finished_purchase(context, request.purchase()));
    FS_TRY(check_parties(context, purchase, rater, request.ratee()));
    const auto key = rating_key(purchase.id(), request.ratee());
    FS_ASSIGN(const auto before, context.get(key));
    if (before) return fail("already_rated", request.ratee() + " has its rating for this purchase");

    schema::RatingReply reply;
    FS_ASSIGN(*reply.mutable_rating(), new_rating(context, purchase, rater, request));
    const auto& rating = reply.rating();
    FS_TRY(rules::store(context, key, rating));
    FS_TRY(context.add(hidden_key(rating.epoch()), 1, 0, kMaxHidden));
    schema::RatingMade event;
    event.set_purchase(rating.purchase());
    event.set_rater(rating.rater());
    event.set_ratee(rating.ratee());
    event.set_epoch(rating.epoch());
    rules::emit(context, names::trust::kRatingMade, event);
    return reply;
}

Result<schema::RatingReply> reveal(Context& context, const schema::RevealRequest& request) {
    FS_TRY(rules::check_id("purchase", request.purchase()));
    FS_TRY(rules::check_did("ratee", request.ratee()));
    FS_TRY(rules::check_range("opinion", request.opinion(), 0, rules::kOne));
    FS_TRY(rules::check_size("salt", request.salt(), schema::kRatingSaltBytes));
    const auto key = rating_key(request.purchase(), request.ratee());
    FS_ASSIGN(auto rating, rules::require<schema::PartyRating>(context, key, "rating"));
    FS_TRY(check_reveal(context, rating, request));

    rating.set_revealed(true);
    rating.set_opinion(request.opinion());
    FS_TRY(rules::store(context, key, rating));
    FS_TRY(rules::store(context, revealed_key(rating), rating));
    FS_TRY(context.put(rated_prefix(rating.epoch()) + rating.ratee(), as_bytes(rating.ratee())));
    FS_TRY(context.add(hidden_key(rating.epoch()), -1, 0, kMaxHidden));
    tell_revealed(context, rating);
    schema::RatingReply reply;
    *reply.mutable_rating() = std::move(rating);
    return reply;
}

Result<schema::ListRatingsReply> list_ratings(Context& context, const schema::ListRatingsRequest& request) {
    FS_TRY(rules::check_id("purchase", request.purchase()));
    const auto prefix = rating_prefix(request.purchase());
    FS_ASSIGN(const auto entries, context.range(prefix, rules::end_of_prefix(prefix), kMaxPartiesOfPurchase));
    schema::ListRatingsReply reply;
    for (const auto& entry : entries) {
        FS_ASSIGN(*reply.add_ratings(), parse(entry));
    }
    return reply;
}

Result<std::int64_t> hidden_ratings(Context& context, std::uint64_t epoch) {
    return context.integer(hidden_key(epoch));
}

Result<std::vector<std::string>> rated_in(Context& context, std::uint64_t epoch, const std::string& after,
                                          std::uint32_t limit) {
    const auto prefix = rated_prefix(epoch);
    const auto start = after.empty() ? prefix : rules::just_after(prefix + after);
    FS_ASSIGN(const auto entries, context.range(start, rules::end_of_prefix(prefix), limit));
    std::vector<std::string> rated;
    for (const auto& entry : entries) rated.push_back(base::to_string(entry.value));
    return rated;
}

Result<std::vector<schema::PartyRating>> ratings_of(Context& context, const std::string& ratee, std::uint64_t first,
                                                    std::uint64_t last, std::uint32_t limit) {
    std::vector<schema::PartyRating> newest_first;
    for (auto epoch = last; epoch >= first && newest_first.size() < limit; --epoch) {
        const auto prefix = revealed_prefix(ratee, epoch);
        FS_ASSIGN(const auto entries, context.range(prefix, rules::end_of_prefix(prefix),
                                                    limit - static_cast<std::uint32_t>(newest_first.size())));
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            FS_ASSIGN(auto rating, parse(*entry));
            newest_first.push_back(std::move(rating));
        }
    }
    std::reverse(newest_first.begin(), newest_first.end());
    return newest_first;
}

}  // namespace fairstream::chaincode::trust
