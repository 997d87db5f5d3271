#include "marketplace_dapp/client/rater.hpp"

#include <algorithm>

#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/trust_records.hpp"

namespace fairstream::marketplace_dapp::client {

namespace schema = chaincode::schema;
using ledger::proto::as_field;

Bytes Rater::salt(const std::string& purchase, const std::string& ratee) const {
    const auto info =
        base::lp(std::string_view("fairstream/rating-salt/v1"), std::string_view(connection_.profile().network),
                 std::string_view(purchase), std::string_view(ratee));
    return identity::crypto::hkdf_sha256(who_.key.scalar(), {}, info, schema::kRatingSaltBytes);
}

Result<schema::PartyRating> Rater::rate(const std::string& purchase, const std::string& ratee, std::uint32_t opinion) {
    schema::RateRequest request;
    request.set_purchase(purchase);
    request.set_ratee(ratee);
    request.set_commitment(as_field(schema::rating_commitment(salt(purchase, ratee), purchase, ratee, opinion)));
    FS_ASSIGN(auto reply, submit<schema::RatingReply>("trust", "Rate", request));
    return reply.rating();
}

Result<schema::PartyRating> Rater::reveal(const std::string& purchase, const std::string& ratee,
                                          std::uint32_t opinion) {
    FS_ASSIGN(const auto listed, ratings(purchase));
    const auto& all = listed.ratings();
    const auto rating = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.ratee() == ratee; });
    if (rating == all.end()) return fail("not_found", "no rating of " + ratee + " for purchase " + purchase);
    const auto own = salt(purchase, ratee);
    // Before the opinion leaves this process: a wrong one would tell others without counting.
    if (as_field(schema::rating_commitment(own, purchase, ratee, opinion)) != rating->commitment())
        return fail("commitment_mismatch", "this key did not rate " + ratee + " with this score");
    schema::RevealRequest request;
    request.set_purchase(purchase);
    request.set_ratee(ratee);
    request.set_opinion(opinion);
    request.set_salt(as_field(own));
    FS_ASSIGN(auto reply, submit<schema::RatingReply>("trust", "Reveal", request));
    return reply.rating();
}

Result<schema::ListRatingsReply> Rater::ratings(const std::string& purchase) {
    schema::ListRatingsRequest request;
    request.set_purchase(purchase);
    return query<schema::ListRatingsReply>("trust", "ListRatings", request);
}

Result<std::string> Rater::counterparty(const std::string& purchase) {
    schema::GetPurchaseRequest request;
    request.set_purchase(purchase);
    FS_ASSIGN(const auto reply, query<schema::PurchaseReply>("marketplace", "GetPurchaseRecord", request));
    const auto& agreement = reply.purchase().agreement();
    if (did() == agreement.buyer()) return agreement.seller();
    if (did() == agreement.seller()) return agreement.buyer();
    return fail("not_party", did() + " neither bought nor sold purchase " + purchase);
}

Result<std::string> Rater::operator_did(const std::string& name) {
    FS_ASSIGN(const auto reply,
              query<schema::ListOperatorsReply>("security_manager", "ListOperators", schema::ListOperatorsRequest{}));
    for (const auto& one : reply.operators())
        if (one.name() == name) return one.did();
    return fail("not_found", "no key and no operator is named " + name);
}

Result<schema::TrustEpoch> Rater::epoch(std::uint64_t number) {
    schema::GetTrustEpochRequest request;
    request.set_epoch(number);
    FS_ASSIGN(auto reply, query<schema::TrustEpochReply>("trust", "GetEpoch", request));
    return reply.epoch();
}

Result<schema::TrustEpoch> Rater::seal() {
    FS_ASSIGN(const auto open, epoch(0));
    schema::SealEpochRequest request;
    request.set_epoch(open.epoch());
    FS_ASSIGN(auto reply, submit<schema::TrustEpochReply>("trust", "SealEpoch", request));
    return reply.epoch();
}

Result<schema::TrustEpoch> Rater::compute_one(std::uint64_t number) {
    schema::ComputeEpochRequest request;
    request.set_epoch(number);
    for (;;) {
        FS_ASSIGN(auto reply, submit<schema::TrustEpochReply>("trust", "ComputeEpoch", request));
        if (reply.epoch().computed()) return reply.epoch();
    }
}

Result<std::vector<schema::TrustEpoch>> Rater::compute() {
    FS_ASSIGN(const auto open, epoch(0));
    auto first = open.epoch();
    while (first > 1) {
        FS_ASSIGN(const auto before, epoch(first - 1));
        if (before.computed()) break;
        --first;
    }
    std::vector<schema::TrustEpoch> computed;
    for (auto number = first; number < open.epoch(); ++number) {
        FS_ASSIGN(auto one, compute_one(number));
        computed.push_back(std::move(one));
    }
    return computed;
}

Result<schema::TrustScore> Rater::score(const std::string& did) {
    schema::GetScoreRequest request;
    request.set_did(did);
    return query<schema::TrustScore>("trust", "GetScore", request);
}

}  // namespace fairstream::marketplace_dapp::client
