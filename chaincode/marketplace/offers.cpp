#include "chaincode/marketplace/offers.hpp"

#include <chrono>
#include <map>

#include "chaincode/marketplace/draft.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::marketplace {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::uint32_t kBatchesInReply = 100;  // the newest
constexpr std::size_t kMaxStreamIdBytes = 240;
constexpr std::string_view kTopics = "topic/";

std::string offer_key(const std::string& id) {
    return "offer/" + id;
}
std::string stream_key(const std::string& stream_id) {
    return "stream/" + stream_id;
}
std::string batch_key(const std::string& offer, std::uint32_t number) {
    return "batch/" + offer + "/" + rules::sortable(number);
}
/// What follows the prefix is also the cursor of ListOffers.
std::string cursor(const schema::Offer& offer) {
    return offer.draft().topic() + "/" + offer.id();
}

/// GenerateID(S || streamName || timestamp).
std::string generate_id(const std::string& seller, const std::string& topic, TimePoint at) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    return seller + "/" + topic + "/" + std::to_string(seconds);
}

schema::Offer new_offer(const Context& context, const std::string& seller, const schema::OfferDraft& draft) {
    schema::Offer offer;
    offer.set_id(rules::first_id(context));
    offer.set_seller(seller);
    *offer.mutable_draft() = draft;
    offer.set_stream_id(generate_id(seller, draft.topic(), context.created_at()));
    offer.set_created_at_us(base::to_us(context.created_at()));
    return offer;
}

/// Asks for each seller's score once.
class Scores {
public:
    Result<std::uint32_t> of(Context& context, const std::string& did) {
        const auto known = scores_.find(did);
        if (known != scores_.end()) return known->second;
        FS_ASSIGN(const auto actor, registered(context, did));
        return scores_[did] = actor.trust_score();
    }

private:
    std::map<std::string, std::uint32_t> scores_;
};

Result<schema::OfferReply> answer(Context& context, schema::Offer offer) {
    FS_ASSIGN(const auto seller, registered(context, offer.seller()));
    offer.set_seller_trust(seller.trust_score());
    schema::OfferReply reply;
    const auto first = offer.batches() > kBatchesInReply ? offer.batches() - kBatchesInReply + 1 : 1;
    for (auto number = first; number <= offer.batches(); ++number) {
        FS_ASSIGN(*reply.add_batches(), find_batch(context, offer, number));
    }
    *reply.mutable_offer() = std::move(offer);
    return reply;
}

}  // namespace

Result<schema::OfferReply> create_offer(Context& context, const schema::CreateOfferRequest& request) {
    FS_ASSIGN(const auto seller, rules::direct_actor(context));
    FS_TRY(check_draft(request.draft()));
    FS_TRY(check_verified_seller(context, seller));
    const auto offer = new_offer(context, seller, request.draft());
    FS_ASSIGN(const auto taken, context.get(stream_key(offer.stream_id())));
    if (taken) return fail("duplicate_stream", "this seller made an offer on this topic within the same second");
    FS_TRY(store_offer(context, offer));
    FS_TRY(context.put(stream_key(offer.stream_id()), as_bytes(offer.id())));
    FS_TRY(context.put(std::string(kTopics) + cursor(offer), as_bytes(offer.id())));
    schema::OfferCreated event;
    event.set_offer(offer.id());
    event.set_seller(seller);
    event.set_topic(offer.draft().topic());
    rules::emit(context, names::marketplace::kOfferCreated, event);
    return answer(context, offer);
}

Result<schema::OfferReply> get_offer(Context& context, const schema::GetOfferRequest& request) {
    FS_ASSIGN(auto offer, find_offer(context, request.offer()));
    return answer(context, std::move(offer));
}

Result<schema::OfferReply> get_stream(Context& context, const schema::GetStreamRequest& request) {
    FS_TRY(rules::check_text("stream_id", request.stream_id(), 1, kMaxStreamIdBytes));
    FS_ASSIGN(const auto id, context.get(stream_key(request.stream_id())));
    if (!id) return fail("not_found", "no such stream: " + request.stream_id());
    schema::OfferReply reply;
    FS_ASSIGN(*reply.mutable_offer(), find_offer(context, base::to_string(id->value)));
    return reply;
}

Result<schema::ListBatchesReply> list_batches(Context& context, const schema::ListBatchesRequest& request) {
    FS_ASSIGN(const auto offer, find_offer(context, request.offer()));
    const auto limit = static_cast<int>(rules::page_size(request.limit()));
    schema::ListBatchesReply reply;
    for (auto number = request.after(); number < offer.batches() && reply.batches_size() < limit; ++number) {
        FS_ASSIGN(*reply.add_batches(), find_batch(context, offer, number + 1));
    }
    return reply;
}

Result<schema::ListOffersReply> list_offers(Context& context, const schema::ListOffersRequest& request) {
    FS_TRY(rules::check_word("topic_prefix", request.topic_prefix(), 0, kMaxTopicBytes, kTopicCharacters));
    FS_TRY(rules::check_word("after", request.after(), 0, kMaxTopicBytes + 1 + rules::kIdDigits, kTopicCharacters));
    const auto prefix = std::string(kTopics) + request.topic_prefix();
    auto start = request.after().empty() ? prefix : rules::just_after(std::string(kTopics) + request.after());
    if (start < prefix) start = prefix;
    const auto end = rules::end_of_prefix(prefix);
    schema::ListOffersReply reply;
    if (start >= end) return reply;
    const auto limit = rules::page_size(request.limit());
    FS_ASSIGN(const auto page, context.range(start, end, limit));
    Scores scores;
    for (const auto& entry : page) {
        FS_ASSIGN(auto offer, find_offer(context, base::to_string(entry.value)));
        FS_ASSIGN(const auto score, scores.of(context, offer.seller()));
        offer.set_seller_trust(score);
        *reply.add_offers() = std::move(offer);
    }
    if (page.size() == limit) reply.set_next(page.back().key.substr(kTopics.size()));
    return reply;
}

Result<schema::Offer> find_offer(Context& context, const std::string& id) {
    FS_TRY(rules::check_id("offer", id));
    return rules::require<schema::Offer>(context, offer_key(id), "offer: " + id);
}

Status store_offer(Context& context, const schema::Offer& offer) {
    return rules::store(context, offer_key(offer.id()), offer);
}

Result<schema::Batch> find_batch(Context& context, const schema::Offer& offer, std::uint32_t number) {
    if (number == 0 || number > offer.batches())
        return fail("no_batch", "the offer has " + std::to_string(offer.batches()) + " batches");
    return rules::require<schema::Batch>(context, batch_key(offer.id(), number), "batch");
}

Status store_batch(Context& context, const schema::Offer& offer, const schema::Batch& batch) {
    return rules::store(context, batch_key(offer.id(), batch.number()), batch);
}

Result<schema::Actor> registered(Context& context, const std::string& did) {
    schema::GetActorRequest request;
    request.set_did(did);
    auto reply = rules::call<schema::ActorReply>(context, names::contract::kActors, names::actors::kGetActor, request);
    if (!reply && reply.error().code == "not_found") return fail("not_registered", did + " is not registered");
    if (!reply) return fail(reply.error());
    return std::move(*reply->mutable_actor());
}

Status check_verified_seller(Context& context, const std::string& did) {
    FS_ASSIGN(const auto actor, registered(context, did));
    if (!actor.seller()) return fail("not_registered", did + " is not registered as a seller");
    if (!actor.verified())
        return fail("not_verified", did + " holds no valid credential of an issuer that is trusted now");
    return {};
}

}  // namespace fairstream::chaincode::marketplace
