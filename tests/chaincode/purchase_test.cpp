#include <catch2/catch.hpp>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;

namespace {

struct Shop {
    Market market;
    Who seller = market.verified_seller();
    schema::Offer offer = market.create_offer(seller, 10 * kCredit).value();
    Market::Stored stored = market.sell(seller, offer, 2);
};

}  // namespace

TEST_CASE("only registered clients buy") {
    Shop shop;
    const auto stranger = new_actor();
    CHECK(code_of(shop.market.buy(stranger, shop.offer)) == "not_registered");
    const auto other_seller = shop.market.verified_seller();
    CHECK(code_of(shop.market.buy(other_seller, shop.offer)) == "not_registered");
    const auto& member = shop.market.chain.organisations()[0].admin;
    CHECK(code_of(shop.market.request_download(
              member, shop.market.order(shop.seller, shop.offer, "request-0000000001"))) == "not_an_actor");
}

TEST_CASE("a buyer without the money is refused, and nothing moves") {
    Shop shop;
    const auto buyer = shop.market.client_with(9 * kCredit);
    CHECK(code_of(shop.market.buy(buyer, shop.offer)) == "insufficient_funds");
    CHECK(shop.market.balance(buyer.did) == 9 * kCredit);
}

TEST_CASE("a price other than the offer's is refused") {
    Shop shop;
    const auto buyer = shop.market.client_with(100 * kCredit);
    auto request = shop.market.order(buyer, shop.offer, "request-0000000001");
    request.set_price_micro(10 * kCredit - 1);
    CHECK(code_of(shop.market.request_download(buyer, request)) == "price_changed");
}

TEST_CASE("the same request buys once, and names what it bought") {
    Shop shop;
    const auto buyer = shop.market.client_with(100 * kCredit);
    const auto bought = shop.market.buy(buyer, shop.offer).value();
    const auto again = shop.market.buy(buyer, shop.offer);
    REQUIRE_FALSE(again);
    CHECK(again.error().code == "duplicate_request");
    CHECK(again.error().message.find(bought.id()) != std::string::npos);
    CHECK(shop.market.balance(buyer.did) == 90 * kCredit);
    const auto other = shop.market.client_with(100 * kCredit);
    CHECK(shop.market.buy(other, shop.offer));  // request ids are each buyer's own
}

TEST_CASE("the purchase's key must be the buyer's, for this request and this network") {
    Shop shop;
    const auto buyer = shop.market.client_with(100 * kCredit);
    const auto other = shop.market.client_with(100 * kCredit);
    auto request = shop.market.order(buyer, shop.offer, "request-0000000001");
    request.set_buyer_key(shop.market.order(other, shop.offer, "request-0000000001").buyer_key());
    CHECK(code_of(shop.market.request_download(buyer, request)) == "bad_possession");
    request = shop.market.order(buyer, shop.offer, "request-0000000001");
    request.set_request_id("request-0000000002");
    CHECK(code_of(shop.market.request_download(buyer, request)) == "bad_possession");
    // Another's whole order, captured and sent as one's own.
    CHECK(code_of(shop.market.request_download(other, shop.market.order(buyer, shop.offer, "request-0000000001"))) ==
          "bad_possession");
}

TEST_CASE("terms are kept: verified buyers only, minimum trust") {
    Market market;
    const auto seller = market.verified_seller();
    schema::Terms verified;
    verified.set_verified_only(true);
    const auto for_verified = market.create_offer(seller, kCredit, verified, "a").value();
    schema::Terms trusted;
    trusted.set_minimum_trust(60'000);
    const auto for_trusted = market.create_offer(seller, kCredit, trusted, "b").value();
    market.sell(seller, for_verified, 1);
    market.sell(seller, for_trusted, 1);

    const auto unverified = market.client_with(10 * kCredit);
    CHECK(market.actor(unverified.did)->trust_score() == 50'000);
    CHECK(code_of(market.buy(unverified, for_verified)) == "not_verified");
    CHECK(code_of(market.buy(unverified, for_trusted)) == "terms_not_met");

    const auto buyer = new_actor();
    market.register_client(buyer, market.credential(buyer, market.issuer)).value();
    REQUIRE(market.faucet(buyer, 10 * kCredit));
    CHECK(market.buy(buyer, for_verified, "request-0000000001"));
    CHECK(market.buy(buyer, for_trusted, "request-0000000002"));
    // The consortium stops trusting the issuer: the credential counts no more.
    REQUIRE(market.trust(market.issuer.did, 800'000, /*active=*/false));
    CHECK(code_of(market.buy(buyer, for_verified, "request-0000000003")) == "not_verified");
}

TEST_CASE("sellers do not buy their own data") {
    Shop shop;
    shop.market.register_client(shop.seller).value();
    REQUIRE(shop.market.faucet(shop.seller, 100 * kCredit));
    CHECK(code_of(shop.market.buy(shop.seller, shop.offer)) == "own_offer");
}

TEST_CASE("malformed orders are refused with the argument's name") {
    Shop shop;
    const auto buyer = shop.market.client_with(100 * kCredit);
    auto request = shop.market.order(buyer, shop.offer, "too-short");
    CHECK(code_of(shop.market.request_download(buyer, request)) == "bad_arguments");
    request = shop.market.order(buyer, shop.offer, "request-0000000001/../x");
    CHECK(code_of(shop.market.request_download(buyer, request)) == "bad_arguments");
    request = shop.market.order(buyer, shop.offer, "request-0000000001");
    request.set_public_key(std::string(33, '\x05'));
    CHECK(shop.market.request_download(buyer, request).error().message.find("public_key") != std::string::npos);
    request = shop.market.order(buyer, shop.offer, "request-0000000001");
    request.set_offer("nonsense");
    CHECK(code_of(shop.market.request_download(buyer, request)) == "bad_arguments");
    request.set_offer(std::string(32, '0'));
    CHECK(code_of(shop.market.request_download(buyer, request)) == "not_found");
}

TEST_CASE("the rates of the day a purchase was made hold until it is settled") {
    Shop shop;
    auto& market = shop.market;
    const auto buyer = market.client_with(100 * kCredit);
    const auto purchase = market.buy(buyer, shop.offer).value();
    schema::MarketSettings settings;
    settings.set_commission(500'000);
    settings.set_operator_share(500'000);
    settings.set_release_s(60);
    settings.set_delivery_s(60);
    settings.set_claim_s(60);
    settings.set_challenge_s(60);
    REQUIRE(market.decide({market.governed(names::contract::kMarketplace, names::marketplace::kConfigure, settings)}));
    market.release_enough(purchase.id());
    market.deliver(market.receipt(buyer, purchase, 1, {{shop.stored.drawn[0], {{1, 2}}}})).value();
    CHECK(market.balance(shop.seller.did) == 9 * kCredit);
    CHECK(market.balance(names::account::kMarket) == 200'000);
}

TEST_CASE("settings are the consortium's, within bounds") {
    Market market;
    schema::MarketSettings settings;
    CHECK(code_of(market.chain.submit<schema::SettingsReply>(new_actor(), names::contract::kMarketplace,
                                                             names::marketplace::kConfigure, settings)) ==
          "governance_only");
    settings.set_commission(600'000);
    settings.set_operator_share(400'001);
    settings.set_release_s(60);
    settings.set_delivery_s(60);
    settings.set_claim_s(60);
    settings.set_challenge_s(60);
    CHECK(code_of(market.decide({market.governed(names::contract::kMarketplace, names::marketplace::kConfigure,
                                                 settings)})) == "bad_arguments");
}

TEST_CASE("a hot offer: thirty buyers in one block do not conflict") {
    Shop shop;
    auto& chain = shop.market.chain;
    std::vector<ledger::proto::Transaction> orders;
    for (int i = 0; i < 30; ++i) {
        const auto buyer = shop.market.client_with(10 * kCredit);
        orders.push_back(chain
                             .endorse(buyer, names::contract::kMarketplace, names::marketplace::kRequestDownloadToken,
                                      ledger::proto::encode(shop.market.order(buyer, shop.offer, "request-0000000001")))
                             .value());
    }
    for (const auto code : chain.commit(orders)) CHECK(code == ledger::proto::VALID);
}

}  // namespace fairstream::chaincode::tests
