#include <catch2/catch.hpp>

#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "identity/crypto/frame.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace custody = identity::crypto::custody;
namespace names = schema::names;

namespace {

template <typename Array>
Array to_array(const std::string& bytes) {
    Array out{};
    REQUIRE(bytes.size() == out.size());
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

/// What the buyer does with what the custodians released.
custody::StreamKey open_key(Market& market, const Who& buyer, const schema::Purchase& purchase) {
    schema::GetReleasesRequest request;
    request.set_purchase(purchase.id());
    const auto reply =
        market.chain
            .query<schema::GetReleasesReply>(buyer, names::contract::kCustody, names::custody::kGetReleases, request)
            .value();
    custody::DealContext context{.network = market.chain.name(),
                                 .stream = reply.dealing().stream_id(),
                                 .key_epoch = reply.dealing().key_epoch(),
                                 .seller = reply.dealing().seller(),
                                 .roster = {},
                                 .threshold = reply.dealing().threshold()};
    for (int i = 0; i < reply.dealing().organisations_size(); ++i)
        context.roster.emplace_back(reply.dealing().organisations(i),
                                    to_array<custody::Point>(reply.dealing().custodian_keys(i)));
    std::vector<custody::IndexedRelease> releases;
    for (const auto& record : reply.releases())
        releases.push_back({.index = record.index(),
                            .release = {.a = to_array<custody::Point>(record.release().a()),
                                        .b = to_array<custody::Point>(record.release().b()),
                                        .c = to_array<custody::Scalar>(record.release().c()),
                                        .s = to_array<custody::Scalar>(record.release().s()),
                                        .u = to_array<custody::Scalar>(record.release().u())}});
    return custody::combine(market.purchase_key(buyer, purchase.request_id()), releases, context,
                            to_array<Hash>(reply.dealing().key_check_value()))
        .value();
}

}  // namespace

TEST_CASE("a whole trade: the buyer opens what the seller sealed, and everyone is paid their exact share") {
    Market market;
    const auto seller = market.verified_seller();
    const auto buyer = market.client_with(100 * kCredit);
    const auto offer = market.create_offer(seller, 10 * kCredit).value();
    const auto stored = market.sell(seller, offer, 5);
    REQUIRE(stored.drawn.size() == 3);

    auto purchase = market.buy(buyer, offer).value();
    CHECK(purchase.state() == schema::ESCROWED);
    CHECK(market.balance(buyer.did) == 90 * kCredit);
    CHECK(market.grant(purchase.grant())->why_not() == "keys_not_released");
    market.release(0, purchase.id()).value();
    market.release(1, purchase.id()).value();
    CHECK_FALSE(market.grant(purchase.grant())->active());
    market.release(3, purchase.id()).value();
    CHECK(market.purchase(purchase.id())->state() == schema::RELEASED);
    CHECK(market.grant(purchase.grant())->active());

    const auto key = open_key(market, buyer, purchase);
    CHECK(key.key == stored.key.key);
    Bytes opened;
    for (const auto& frame : stored.frames)
        append(opened, identity::crypto::open_frame(key.encryption_subkey(), frame).value());
    CHECK(opened == stored.plaintext);

    const auto reply = market.deliver(market.receipt(buyer, purchase, 1, {{stored.drawn[0], {{1, 5}}}})).value();
    CHECK(reply.paid_micro() == 10 * kCredit);
    CHECK(reply.delivered_entries() == 5);
    CHECK(market.purchase(purchase.id())->state() == schema::SETTLED);
    CHECK(market.balance(buyer.did) == 90 * kCredit);
    CHECK(market.balance(seller.did) == 9'000'000);  // 90 %
    CHECK(market.balance(market.operators[stored.drawn[0]].did) == 800'000);
    CHECK(market.balance(names::account::kMarket) == 200'000);
    const auto books = market.chain.audit();
    for (const auto& escrow : books.escrows()) CHECK(escrow.amount_micro() == 0);
}

TEST_CASE("two operators that serve in parts are paid for the entries each served, and rounding goes to the seller") {
    Market market;
    const auto seller = market.verified_seller();
    const auto buyer = market.client_with(kCredit);
    const auto offer = market.create_offer(seller, 1'001).value();
    const auto stored = market.sell(seller, offer, 7);
    const auto purchase = market.buy(buyer, offer).value();
    market.release_enough(purchase.id());
    const auto& a = stored.drawn[0];
    const auto& b = stored.drawn[1];

    auto reply = market.deliver(market.receipt(buyer, purchase, 10, {{a, {{1, 2}}}})).value();
    CHECK(reply.delivered_entries() == 2);
    // 2 of 7 of 1,001: operator floor(22.88), market floor(5.72), seller floor(257.4).
    CHECK(market.balance(market.operators[a].did) == 22);
    CHECK(market.balance(names::account::kMarket) == 5);
    CHECK(market.balance(seller.did) == 257);
    CHECK(market.purchase(purchase.id())->state() == schema::DELIVERING);

    reply = market.deliver(market.receipt(buyer, purchase, 11, {{a, {{1, 2}, {5, 7}}}, {b, {{3, 4}}}})).value();
    CHECK(reply.paid_micro() == 1'001);
    CHECK(market.balance(market.operators[a].did) == 57);  // floor(1,001 * 0.08 * 5 / 7)
    CHECK(market.balance(market.operators[b].did) == 22);
    CHECK(market.balance(names::account::kMarket) == 20);
    CHECK(market.balance(seller.did) == 1'001 - 57 - 22 - 20);
    CHECK(market.purchase(purchase.id())->state() == schema::SETTLED);
}

TEST_CASE("every entry delivered by itself pays the same in the end") {
    Market market;
    const auto seller = market.verified_seller();
    const auto buyer = market.client_with(kCredit);
    const auto offer = market.create_offer(seller, 53).value();
    const auto stored = market.sell(seller, offer, 9);
    const auto purchase = market.buy(buyer, offer).value();
    market.release_enough(purchase.id());
    for (std::uint64_t i = 1; i <= 9; ++i)
        market.deliver(market.receipt(buyer, purchase, i, {{stored.drawn[0], {{1, i}}}})).value();
    CHECK(market.balance(market.operators[stored.drawn[0]].did) == 4);
    CHECK(market.balance(names::account::kMarket) == 1);
    CHECK(market.balance(seller.did) == 48);
}

TEST_CASE("a second batch of an offer has its own key epoch and the same operators") {
    Market market;
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto first = market.sell(seller, offer, 3);
    const auto second = market.sell(seller, offer, 2);
    CHECK(second.drawn == first.drawn);
    CHECK(second.token.next_sequence() == 4);
    CHECK(second.token.key_epoch() > first.token.key_epoch());

    const auto buyer = market.client_with(10 * kCredit);
    CHECK(market.buy(buyer, offer)->batch().number() == 2);  // 0 asks for the newest
    auto request = market.order(buyer, offer, "request-0000000002");
    request.set_batch(1);
    CHECK(market.request_download(buyer, request)->batch().last_sequence() == 3);
    request = market.order(buyer, offer, "request-0000000003");
    request.set_batch(3);
    CHECK(code_of(market.request_download(buyer, request)) == "no_batch");

    schema::ListPurchasesRequest list;
    list.set_buyer(buyer.did);
    const auto bought = market.chain
                            .query<schema::ListPurchasesReply>(buyer, names::contract::kMarketplace,
                                                               names::marketplace::kListPurchases, list)
                            .value();
    REQUIRE(bought.purchases_size() == 2);
    CHECK(bought.purchases(0).request_id() == "request-0000000001");
    list.set_after(bought.purchases(0).id());
    CHECK(market.chain
              .query<schema::ListPurchasesReply>(buyer, names::contract::kMarketplace,
                                                 names::marketplace::kListPurchases, list)
              ->purchases_size() == 1);
}

TEST_CASE("what a trade does is told as events") {
    Market market;
    const auto seller = market.verified_seller();
    const auto buyer = market.client_with(10 * kCredit);
    const auto offer = market.create_offer(seller, kCredit).value();
    market.sell(seller, offer, 1);
    const auto purchase = market.buy(buyer, offer).value();
    std::vector<std::string> told;
    for (const auto& event : market.chain.events()) told.push_back(event.contract() + "." + event.name());
    CHECK(told ==
          std::vector<std::string>{"credits.Transferred", "security_manager.GrantCreated", "marketplace.PurchaseMade"});
    schema::PurchaseMade made;
    REQUIRE(made.ParseFromString(market.chain.events().back().payload()));
    CHECK(made.purchase() == purchase.id());
    CHECK(made.buyer() == buyer.did);
    CHECK(made.key_epoch() == 1);
}

}  // namespace fairstream::chaincode::tests
