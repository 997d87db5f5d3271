#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>

#include "chaincode/rules/trust.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/schema/trust.pb.h"
#include "chaincode/schema/trust_records.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
namespace proto = ledger::proto;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kOne = 1'000'000;
constexpr std::uint32_t kHalf = 500'000;

void must(const Status& done) {
    if (!done) throw std::runtime_error(done.error().message);
}

/// A market whose parties rate one another. Sellers and verified buyers weigh one half: a full reputation, and the
/// credibility of the unrated.
class RatedMarket {
public:
    RatedMarket() { must(market.trust(market.issuer.did, kOne, true)); }

    Market market;

    struct Shop {
        Who seller;
        schema::Offer offer;
        Market::Stored stored;
    };
    Shop shop(std::int64_t price_micro = 10 * kCredit) { return shop_of(market.verified_seller(), price_micro); }
    Shop shop_of(const Who& seller, std::int64_t price_micro) {
        auto offer = market.create_offer(seller, price_micro).value();
        auto stored = market.sell(seller, offer, 4);
        return {.seller = seller, .offer = std::move(offer), .stored = std::move(stored)};
    }
    Who verified_buyer() { return buyer_vouched_by(market.issuer); }
    Who buyer_vouched_by(const Who& issuer) {
        auto buyer = new_actor();
        market.register_client(buyer, market.credential(buyer, issuer)).value();
        must(market.faucet(buyer, 1'000 * kCredit));
        return buyer;
    }

    schema::Purchase bought(const Who& buyer, const Shop& shop) {
        auto purchase = market.buy(buyer, shop.offer, "request-" + std::to_string(1'000'000'000 + ++requests_)).value();
        market.release_enough(purchase.id());
        return purchase;
    }
    void deliver(const Who& buyer, const Shop& shop, const schema::Purchase& purchase, std::uint64_t entries) {
        market.deliver(market.receipt(buyer, purchase, 1, {{shop.stored.drawn[0], {{1, entries}}}})).value();
    }
    schema::Purchase settled(const Who& buyer, const Shop& shop) {
        auto purchase = bought(buyer, shop);
        deliver(buyer, shop, purchase, 4);
        return purchase;
    }

    static schema::RateRequest rate_request(const schema::Purchase& purchase, const std::string& ratee,
                                            std::uint32_t opinion) {
        schema::RateRequest request;
        request.set_purchase(purchase.id());
        request.set_ratee(ratee);
        request.set_commitment(rules::as_field(schema::rating_commitment(salt(), purchase.id(), ratee, opinion)));
        return request;
    }
    Result<schema::PartyRating> rate(const Who& rater, const schema::Purchase& purchase, const std::string& ratee,
                                     std::uint32_t opinion) {
        FS_ASSIGN(const auto reply,
                  submit<schema::RatingReply>(rater, names::trust::kRate, rate_request(purchase, ratee, opinion)));
        return reply.rating();
    }
    Result<schema::PartyRating> reveal(const Who& rater, const schema::Purchase& purchase, const std::string& ratee,
                                       std::uint32_t opinion) {
        schema::RevealRequest request;
        request.set_purchase(purchase.id());
        request.set_ratee(ratee);
        request.set_opinion(opinion);
        request.set_salt(rules::as_field(salt()));
        FS_ASSIGN(const auto reply, submit<schema::RatingReply>(rater, names::trust::kReveal, request));
        return reply.rating();
    }
    Result<schema::TrustEpoch> seal(std::uint64_t epoch) {
        schema::SealEpochRequest request;
        request.set_epoch(epoch);
        FS_ASSIGN(const auto reply, submit<schema::TrustEpochReply>(anyone_, names::trust::kSealEpoch, request));
        return reply.epoch();
    }
    Result<schema::TrustEpoch> compute(std::uint64_t epoch) {
        schema::ComputeEpochRequest request;
        request.set_epoch(epoch);
        FS_ASSIGN(const auto reply, submit<schema::TrustEpochReply>(anyone_, names::trust::kComputeEpoch, request));
        return reply.epoch();
    }
    std::uint64_t open_epoch() {
        return market.chain
            .query<schema::TrustEpochReply>(anyone_, names::contract::kTrust, names::trust::kGetEpoch,
                                            schema::GetTrustEpochRequest{})
            ->epoch()
            .epoch();
    }
    schema::TrustScore score(const std::string& did) {
        schema::GetScoreRequest request;
        request.set_did(did);
        return market.chain
            .query<schema::TrustScore>(anyone_, names::contract::kTrust, names::trust::kGetScore, request)
            .value();
    }

    struct Opinion {
        Who rater;
        schema::Purchase purchase;
        std::string ratee;
        std::uint32_t opinion = 0;
    };
    /// One whole epoch: rated, sealed, revealed, computed.
    void epoch_of(const std::vector<Opinion>& opinions) {
        market.chain.advance(61s);
        for (const auto& one : opinions) rate(one.rater, one.purchase, one.ratee, one.opinion).value();
        const auto sealed = seal(open_epoch()).value();
        for (const auto& one : opinions) reveal(one.rater, one.purchase, one.ratee, one.opinion).value();
        while (!compute(sealed.epoch())->computed()) continue;
    }

    template <typename Reply, typename Request>
    Result<Reply> submit(const Who& who, const char* function, const Request& request) {
        return market.chain.submit<Reply>(who, names::contract::kTrust, function, request);
    }

private:
    static Bytes salt() { return Bytes(schema::kRatingSaltBytes, 7); }

    Who anyone_ = new_actor();
    int requests_ = 0;
};

}  // namespace

TEST_CASE("a rating is hidden until its epoch is sealed, and then makes the score that offers show") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    const auto purchase = m.settled(buyer, shop);
    const auto seller_had = m.market.balance(shop.seller.did);
    CHECK(m.score(shop.seller.did).trust_score() == kHalf);

    const auto rating = m.rate(buyer, purchase, shop.seller.did, kOne).value();
    CHECK(rating.epoch() == 1);
    CHECK(rating.outcome() == kOne);
    CHECK(rating.value_factor() == kOne);
    CHECK(rating.opinion() == 0);
    CHECK_FALSE(rating.revealed());
    CHECK(code_of(m.reveal(buyer, purchase, shop.seller.did, kOne)) == "not_sealed");
    CHECK(m.seal(1)->sealed_at_us() > 0);
    CHECK(m.open_epoch() == 2);
    CHECK(m.reveal(buyer, purchase, shop.seller.did, kOne)->opinion() == kOne);
    CHECK(m.compute(1)->computed());
    REQUIRE(m.market.chain.events().size() == 1);
    CHECK(m.market.chain.events()[0].name() == names::trust::kTrustScored);

    const auto score = m.score(shop.seller.did);
    CHECK(score.credibility() == 666'666);  // (1/2 + 1/2) / (1 + 1/2)
    CHECK(score.trust_score() == 666'666);
    CHECK(score.confidence() == kHalf);
    CHECK(score.ratings() == 1);
    CHECK(m.market.actor(shop.seller.did)->trust_score() == 666'666);
    schema::GetOfferRequest get;
    get.set_offer(shop.offer.id());
    CHECK(m.market.chain
              .query<schema::OfferReply>(buyer, names::contract::kMarketplace, names::marketplace::kGetOffer, get)
              ->offer()
              .seller_trust() == 666'666);
    CHECK(m.market.balance(shop.seller.did) == seller_had);
    CHECK(m.score(buyer.did).credibility() == kHalf);
}

TEST_CASE("through the contract, as in the vectors: two perfect ratings from raters at one half") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto a = m.verified_buyer(), b = m.verified_buyer();
    const auto first = m.settled(a, shop), second = m.settled(b, shop);
    m.epoch_of({{a, first, shop.seller.did, kOne}, {b, second, shop.seller.did, kOne}});
    CHECK(m.score(shop.seller.did).credibility() == 750'000);
}

TEST_CASE(
    "through the contract, as in the vectors: one perfect, one mixed, and a second credential that must not count") {
    RatedMarket m;
    // The rated seller: gov .6, uni .3 and a second gov .6.
    const auto gov = new_actor(), uni = new_actor(), minor = new_actor();
    must(m.market.trust(gov.did, 600'000, true));
    must(m.market.trust(uni.did, 300'000, true));
    must(m.market.trust(minor.did, 400'000, true));
    const auto seller = new_actor();
    m.market.register_seller(seller, m.market.credential(seller, gov, "org")).value();
    m.market.register_seller(seller, m.market.credential(seller, uni, "member")).value();
    m.market.register_seller(seller, m.market.credential(seller, gov, "org", std::chrono::hours(48))).value();
    // The first rater earns its 750,000 as a buyer, one epoch before; the second weighs 1/2 of .4.
    const auto first = m.verified_buyer();
    const auto second = m.buyer_vouched_by(minor);
    const auto one = m.shop(), other = m.shop();
    m.epoch_of({{one.seller, m.settled(first, one), first.did, kOne},
                {other.seller, m.settled(first, other), first.did, kOne}});
    REQUIRE(m.score(first.did).trust_score() == 750'000);
    REQUIRE(m.score(second.did).trust_score() == 200'000);

    const auto shop = m.shop_of(seller, 10 * kCredit);
    const auto by_first = m.settled(first, shop), by_second = m.settled(second, shop);
    m.epoch_of({{first, by_first, seller.did, kOne}, {second, by_second, seller.did, 0}});
    CHECK(m.score(seller.did).credibility() == 692'307);
    CHECK(m.score(seller.did).trust_score() == 623'076);
    CHECK(m.market.actor(seller.did)->trust_score() == 623'076);
}

TEST_CASE("through the contract, as in the vectors: a hundred perfect ratings by one rater are tamed by their rank") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    std::vector<RatedMarket::Opinion> opinions;
    for (int i = 0; i < 100; ++i) opinions.push_back({buyer, m.settled(buyer, shop), shop.seller.did, kOne});
    m.epoch_of(opinions);
    CHECK(m.score(shop.seller.did).credibility() == 860'865);
    CHECK(m.score(shop.seller.did).ratings() == 100);
}

TEST_CASE("the rank counts across epochs") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    m.epoch_of({{buyer, m.settled(buyer, shop), shop.seller.did, kOne}});
    m.epoch_of({{buyer, m.settled(buyer, shop), shop.seller.did, kOne}});
    CHECK(m.score(shop.seller.did).confidence() == 750'000);  // 1/2 + 1/4
}

TEST_CASE("unverified raters weigh little") {
    RatedMarket m;
    const auto shop = m.shop();
    std::vector<RatedMarket::Opinion> opinions;
    for (int i = 0; i < 3; ++i) {
        const auto buyer = m.market.client_with(100 * kCredit);
        opinions.push_back({buyer, m.settled(buyer, shop), shop.seller.did, 0});
    }
    m.epoch_of(opinions);
    CHECK(m.score(shop.seller.did).confidence() == 150'000);
    CHECK(m.score(shop.seller.did).credibility() == kHalf);  // S = ONE, TR = 0: no better, no worse than the unrated
}

TEST_CASE("the outcome is what was delivered of what was bought, whatever is said of it") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    const auto failed = m.market.buy(buyer, shop.offer, "request-without-keys").value();
    const auto half = m.bought(buyer, shop);
    m.deliver(buyer, shop, half, 2);
    CHECK(code_of(m.rate(buyer, failed, shop.seller.did, 0)) == "not_settled");
    CHECK(code_of(m.rate(buyer, half, shop.seller.did, 0)) == "not_settled");

    m.market.chain.advance(base::from_us(half.deadlines().refund_us()) - m.market.chain.now() + 1s);
    m.market.refund(buyer, failed.id()).value();
    m.market.refund(buyer, half.id()).value();
    CHECK(m.rate(buyer, failed, shop.seller.did, 0)->outcome() == 0);
    CHECK(m.rate(buyer, half, shop.seller.did, 0)->outcome() == kHalf);
}

TEST_CASE("a rating weighs by the value of the purchase, up to the reference value") {
    RatedMarket m;
    const auto small = m.shop(kCredit / 4);
    const auto buyer = m.verified_buyer();
    const auto purchase = m.settled(buyer, small);
    CHECK(m.rate(buyer, purchase, small.seller.did, kOne)->value_factor() == 250'000);

    schema::TrustSettings settings;
    settings.set_epoch_s(3'600);
    settings.set_reveal_s(600);
    settings.set_reference_value_micro(kCredit / 2);
    settings.set_lambda(kHalf);
    CHECK(code_of(m.submit<schema::TrustSettingsReply>(buyer, names::trust::kConfigure, settings)) ==
          "governance_only");
    m.market.decide({m.market.governed(names::contract::kTrust, names::trust::kConfigure, settings)}).value();
    CHECK(m.rate(small.seller, purchase, buyer.did, kOne)->value_factor() == kHalf);
    settings.set_lambda(kOne + 1);
    CHECK(code_of(m.market.decide({m.market.governed(names::contract::kTrust, names::trust::kConfigure, settings)})) ==
          "bad_arguments");
}

TEST_CASE("who rates whom: the parties of the purchase, once") {
    RatedMarket m;
    const auto shop = m.shop(), elsewhere = m.shop();
    const auto buyer = m.verified_buyer(), stranger = m.verified_buyer();
    const auto purchase = m.settled(buyer, shop);
    const auto operator_did = m.market.operators[shop.stored.drawn[1]].did;

    CHECK(code_of(m.rate(stranger, purchase, shop.seller.did, 0)) == "not_party");
    CHECK(code_of(m.rate(buyer, purchase, elsewhere.seller.did, 0)) == "not_party");
    CHECK(code_of(m.rate(buyer, purchase, buyer.did, kOne)) == "not_party");
    CHECK(code_of(m.rate(shop.seller, purchase, operator_did, kOne)) == "not_party");
    CHECK(code_of(m.rate(buyer, purchase, "did:key:nobody", 0)) == "bad_arguments");
    schema::Purchase none;
    none.set_id(std::string(32, '0'));
    CHECK(code_of(m.rate(buyer, none, shop.seller.did, 0)) == "not_found");

    CHECK(m.rate(buyer, purchase, shop.seller.did, 0).has_value());
    CHECK(m.rate(buyer, purchase, operator_did, kOne).has_value());
    CHECK(m.rate(shop.seller, purchase, buyer.did, kOne).has_value());
    CHECK(code_of(m.rate(buyer, purchase, shop.seller.did, kOne)) == "already_rated");
    m.seal(1).value();
    CHECK(code_of(m.rate(buyer, purchase, shop.seller.did, kOne)) == "already_rated");
    schema::ListRatingsRequest list;
    list.set_purchase(purchase.id());
    CHECK(m.market.chain
              .query<schema::ListRatingsReply>(stranger, names::contract::kTrust, names::trust::kListRatings, list)
              ->ratings_size() == 3);
}

TEST_CASE("operators are rated by buyers, and the consortium vouches for them") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    const auto did = m.market.operators[shop.stored.drawn[0]].did;
    CHECK(m.score(did).trust_score() == kHalf);
    m.epoch_of({{buyer, m.settled(buyer, shop), did, kOne}});
    CHECK(m.score(did).trust_score() == 666'666);
    CHECK(m.score(new_actor().did).trust_score() == 0);
}

TEST_CASE("a reveal is the rater's, as committed, once, in time") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    const auto purchase = m.settled(buyer, shop);
    CHECK(code_of(m.reveal(buyer, purchase, shop.seller.did, 0)) == "not_found");
    m.rate(buyer, purchase, shop.seller.did, 300'000).value();
    m.rate(shop.seller, purchase, buyer.did, kOne).value();
    const auto sealed = m.seal(1).value();
    CHECK(code_of(m.reveal(buyer, purchase, shop.seller.did, 300'001)) == "commitment_mismatch");
    CHECK(code_of(m.reveal(buyer, purchase, shop.seller.did, kOne + 1)) == "bad_arguments");
    CHECK(code_of(m.reveal(shop.seller, purchase, shop.seller.did, 300'000)) == "not_rater");
    CHECK(m.reveal(buyer, purchase, shop.seller.did, 300'000).has_value());
    CHECK(code_of(m.reveal(buyer, purchase, shop.seller.did, 300'000)) == "already_revealed");
    m.market.chain.advance(base::from_us(sealed.reveal_until_us()) - m.market.chain.now());
    CHECK(code_of(m.reveal(shop.seller, purchase, buyer.did, kOne)) == "too_late");
}

TEST_CASE("a rating that is not revealed holds up the computation for its time, and then does not count") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    const auto purchase = m.settled(buyer, shop);
    m.rate(buyer, purchase, shop.seller.did, 0).value();
    CHECK(code_of(m.compute(1)) == "not_sealed");
    const auto sealed = m.seal(1).value();
    CHECK(code_of(m.compute(1)) == "too_early");
    m.market.chain.advance(base::from_us(sealed.reveal_until_us()) - m.market.chain.now() + 1ms);
    CHECK(m.compute(1)->computed());
    CHECK(m.score(shop.seller.did).credibility() == kHalf);
    CHECK(m.score(shop.seller.did).ratings() == 0);
}

TEST_CASE("epochs have a least length, and are sealed and computed in order, once") {
    RatedMarket m;
    CHECK(code_of(m.seal(2)) == "wrong_epoch");
    m.seal(1).value();
    CHECK(code_of(m.seal(1)) == "wrong_epoch");
    CHECK(code_of(m.seal(2)) == "too_early");
    m.market.chain.advance(61s);
    m.seal(2).value();
    CHECK(code_of(m.compute(2)) == "out_of_order");
    CHECK(code_of(m.compute(3)) == "not_sealed");
    CHECK(code_of(m.compute(99)) == "not_sealed");
    CHECK(m.compute(1)->computed());
    CHECK(code_of(m.compute(1)) == "already_computed");
    CHECK(m.compute(2)->computed());
}

TEST_CASE("block time decides: a seal endorsed after an epoch's end is void in a block before it") {
    RatedMarket m;
    m.seal(1).value();
    schema::SealEpochRequest request;
    request.set_epoch(2);
    m.market.chain.advance(61s);
    const auto seal = m.market.chain.endorse(new_actor(), names::contract::kTrust, names::trust::kSealEpoch,
                                             ledger::proto::encode(request));
    REQUIRE(seal);
    m.market.chain.advance(-10s);
    CHECK(m.market.chain.commit({*seal}).front() == proto::GUARD_NOT_MET);
}

TEST_CASE("raters weigh as they stood one epoch back, however the epoch goes for them") {
    RatedMarket m;
    const auto one = m.shop(), other = m.shop();
    const auto buyer = m.verified_buyer();
    const auto first = m.settled(buyer, one), second = m.settled(buyer, other);
    // In one epoch the buyer loses its name and praises a seller: the praise weighs as before.
    m.epoch_of({{other.seller, second, buyer.did, 0},
                {one.seller, first, buyer.did, 0},
                {buyer, first, one.seller.did, kOne}});
    CHECK(m.score(one.seller.did).confidence() == kHalf);
    CHECK(m.score(buyer.did).credibility() == kHalf);  // S = ONE, TR = 0, twice
    CHECK(m.score(one.seller.did).credibility() == 666'666);
    // One epoch later the seller's new name weighs.
    const auto third = m.settled(buyer, one);
    m.epoch_of({{one.seller, third, buyer.did, kOne}});
    // Ranks: other 1/2; one 1/2 of the first epoch and 2/3 / 2 of the second, all with TS of one epoch back.
    CHECK(m.score(buyer.did).confidence() == kHalf + 666'666 + 333'333);
}

TEST_CASE("ratings count for ten epochs, and their loss is a new score") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto buyer = m.verified_buyer();
    m.epoch_of({{buyer, m.settled(buyer, shop), shop.seller.did, kOne}});
    for (int i = 0; i < 9; ++i) m.epoch_of({});
    CHECK(m.score(shop.seller.did).credibility() == 666'666);
    CHECK(m.score(shop.seller.did).epoch() == 10);
    m.epoch_of({});
    CHECK(m.score(shop.seller.did).epoch() == 11);
    CHECK(m.score(shop.seller.did).credibility() == kHalf);
    CHECK(m.score(shop.seller.did).confidence() == 0);
}

TEST_CASE("more parties than one transaction scores are scored by several, from the same frozen scores") {
    RatedMarket m;
    const auto shop = m.shop();
    std::vector<RatedMarket::Opinion> opinions;
    for (int i = 0; i < 20; ++i) {
        const auto buyer = m.market.client_with(20 * kCredit);
        opinions.push_back({shop.seller, m.settled(buyer, shop), buyer.did, kOne});
    }
    for (const auto& one : opinions) m.rate(one.rater, one.purchase, one.ratee, kOne).value();
    m.seal(1).value();
    for (const auto& one : opinions) m.reveal(one.rater, one.purchase, one.ratee, kOne).value();
    CHECK_FALSE(m.compute(1)->computed());
    CHECK(m.compute(1)->computed());
    for (const auto& one : opinions) CHECK(m.score(one.ratee).credibility() == 666'666);
}

TEST_CASE("ratings of one block never conflict, but for a seal before them") {
    RatedMarket m;
    const auto shop = m.shop();
    const auto a = m.verified_buyer(), b = m.verified_buyer();
    const auto by_a = m.settled(a, shop), by_b = m.settled(b, shop);
    const auto endorse = [&](const Who& who, const char* function, const google::protobuf::Message& request) {
        return m.market.chain.endorse(who, names::contract::kTrust, function, to_bytes(request.SerializeAsString()))
            .value();
    };
    const auto first = endorse(a, names::trust::kRate, RatedMarket::rate_request(by_a, shop.seller.did, kOne));
    const auto second = endorse(b, names::trust::kRate, RatedMarket::rate_request(by_b, shop.seller.did, kOne));
    const auto late = endorse(shop.seller, names::trust::kRate, RatedMarket::rate_request(by_a, a.did, kOne));
    schema::SealEpochRequest request;
    request.set_epoch(1);
    const auto seal = endorse(shop.seller, names::trust::kSealEpoch, request);
    const auto codes = m.market.chain.commit({first, second, seal, late});
    CHECK(codes == std::vector<proto::ValidationCode>{proto::VALID, proto::VALID, proto::VALID, proto::READ_CONFLICT});
}

TEST_CASE("only contract trust sets what ratings make of a party") {
    RatedMarket m;
    const auto seller = m.market.verified_seller();
    schema::Standing standing;
    standing.set_did(seller.did);
    standing.set_credibility(kOne);
    CHECK(code_of(m.market.chain.submit<schema::Standing>(seller, names::contract::kActors, names::actors::kSetStanding,
                                                          standing)) == "contract_only");
}

}  // namespace fairstream::chaincode::tests
