#include <catch2/catch.hpp>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;

namespace {

/// Ten frames bought for 10 credits, keys released.
struct Delivery {
    Market market;
    Who seller = market.verified_seller();
    Who buyer = market.client_with(100 * kCredit);
    schema::Offer offer = market.create_offer(seller, 10 * kCredit).value();
    Market::Stored stored = market.sell(seller, offer, 10);
    schema::Purchase purchase = market.buy(buyer, offer).value();
    const std::string& a = stored.drawn[0];
    const std::string& b = stored.drawn[1];

    Delivery() { market.release_enough(purchase.id()); }
    std::string deliver(std::uint64_t counter, const Market::Served& served) {
        return code_of(market.deliver(market.receipt(buyer, purchase, counter, served)));
    }
};

}  // namespace

TEST_CASE("nobody is paid before the keys are released") {
    Market market;
    const auto seller = market.verified_seller();
    const auto buyer = market.client_with(100 * kCredit);
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto stored = market.sell(seller, offer, 2);
    const auto purchase = market.buy(buyer, offer).value();
    CHECK(code_of(market.deliver(market.receipt(buyer, purchase, 1, {{stored.drawn[0], {{1, 2}}}}))) ==
          "keys_not_released");
}

TEST_CASE("a delivery receipt counts only under the buyer's key of this purchase") {
    Delivery delivery;
    auto& market = delivery.market;
    const auto other = new_actor();
    auto forged = market.receipt(delivery.buyer, delivery.purchase, 1, {{delivery.a, {{1, 10}}}});
    forged.mutable_receipt()->set_signature(
        market.signature(delivery.seller.key, "delivery-receipt/v1", forged.receipt().receipt()));
    CHECK(code_of(market.deliver(forged)) == "bad_receipt");
    forged = market.receipt(delivery.buyer, delivery.purchase, 1, {{delivery.a, {{1, 10}}}});
    forged.set_token_signature(market.signature(other.key, "download-token/v1", delivery.purchase.grant()));
    CHECK(code_of(market.deliver(forged)) == "bad_token_signature");
    forged = market.receipt(delivery.buyer, delivery.purchase, 1, {{delivery.a, {{1, 1}}}});
    auto widened = market.receipt(other, delivery.purchase, 1, {{delivery.a, {{1, 10}}}});
    forged.mutable_receipt()->set_receipt(widened.receipt().receipt());
    CHECK(code_of(market.deliver(forged)) == "bad_receipt");
}

TEST_CASE("a receipt for one purchase does not settle another, nor does an upload grant") {
    Delivery delivery;
    auto& market = delivery.market;
    const auto second = market.buy(delivery.buyer, delivery.offer, "request-0000000002").value();
    auto foreign = market.receipt(delivery.buyer, delivery.purchase, 1, {{delivery.a, {{1, 10}}}});
    foreign.set_grant(second.grant());
    foreign.set_token_signature(market.signature(delivery.buyer.key, "download-token/v1", second.grant()));
    CHECK(code_of(market.deliver(foreign)) == "foreign_grant");
    foreign.set_grant(delivery.stored.token.grant());
    CHECK(code_of(market.deliver(foreign)) == "wrong_kind");
    foreign.set_grant(std::string(32, 'f'));
    CHECK(code_of(market.deliver(foreign)) == "not_found");
}

TEST_CASE("a replayed receipt pays nothing") {
    Delivery delivery;
    const auto receipt = delivery.market.receipt(delivery.buyer, delivery.purchase, 5, {{delivery.a, {{1, 3}}}});
    delivery.market.deliver(receipt).value();
    const auto before = delivery.market.balance(delivery.seller.did);
    CHECK(code_of(delivery.market.deliver(receipt)) == "nothing_new");
    CHECK(delivery.deliver(4, {{delivery.a, {{2, 3}}}}) == "nothing_new");
    CHECK(delivery.deliver(6, {{delivery.b, {{1, 3}}}}) == "nothing_new");
    CHECK(delivery.market.balance(delivery.seller.did) == before);
}

TEST_CASE("a buyer cannot take back what it signed for: not by a later number, nor by other receipts") {
    Delivery delivery;
    auto& market = delivery.market;
    const auto for_a = market.receipt(delivery.buyer, delivery.purchase, 1, {{delivery.a, {{1, 4}}}});
    const auto for_b = market.receipt(delivery.buyer, delivery.purchase, 2, {{delivery.b, {{4, 9}}}});
    // What the buyer tells the ledger itself, with the highest number there is.
    CHECK(delivery.deliver(UINT64_MAX, {{delivery.a, {{10, 10}}}}) == "ok");
    CHECK(code_of(market.deliver(for_b)) == "ok");
    CHECK(code_of(market.deliver(for_a)) == "ok");
    CHECK(market.purchase(delivery.purchase.id())->delivered_entries() == 10);
    CHECK(market.purchase(delivery.purchase.id())->state() == schema::SETTLED);
    // Entry 4 was handed in for b first.
    CHECK(market.balance(market.operators[delivery.a].did) == 320'000);
    CHECK(market.balance(market.operators[delivery.b].did) == 480'000);
}

TEST_CASE("the same receipt twice in one block pays once") {
    Delivery delivery;
    auto& chain = delivery.market.chain;
    const auto receipt =
        ledger::proto::encode(delivery.market.receipt(delivery.buyer, delivery.purchase, 1, {{delivery.a, {{1, 10}}}}));
    const auto endorse = [&](const Who& who) {
        return chain
            .endorse(who, names::contract::kSecurityManager, names::security_manager::kDownloadDataStream, receipt)
            .value();
    };
    const auto codes = chain.commit({endorse(delivery.buyer), endorse(delivery.seller)});
    CHECK(codes[0] == ledger::proto::VALID);
    CHECK(codes[1] == ledger::proto::READ_CONFLICT);
    CHECK(delivery.market.balance(delivery.seller.did) == 9 * kCredit);
}

TEST_CASE("ranges: ascending, disjoint, within what was bought, of drawn operators") {
    Delivery delivery;
    const auto& a = delivery.a;
    const auto& b = delivery.b;
    CHECK(delivery.deliver(1, {{a, {{0, 3}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {{1, 11}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {{3, 2}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {{1, UINT64_MAX}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {{5, 6}, {1, 2}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {{1, 3}, {3, 4}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {{1, 5}}}, {b, {{5, 6}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {{1, 5}}}, {a, {{6, 7}}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {{a, {}}}) == "bad_receipt");
    CHECK(delivery.deliver(1, {}) == "bad_arguments");
    std::string not_drawn;
    for (const auto& [name, who] : delivery.market.operators)
        if (std::find(delivery.stored.drawn.begin(), delivery.stored.drawn.end(), name) == delivery.stored.drawn.end())
            not_drawn = name;
    CHECK(delivery.deliver(1, {{not_drawn, {{1, 5}}}}) == "operator_not_drawn");

    CHECK(delivery.deliver(1, {{a, {{1, 2}, {3, 4}}}}) == "ok");
    CHECK(delivery.deliver(2, {{a, {{1, 6}}}, {b, {{8, 9}}}}) == "ok");
    CHECK(delivery.market.purchase(delivery.purchase.id())->delivered_entries() == 8);
}

TEST_CASE("more than 64 ranges of one operator are refused") {
    Market market;
    const auto seller = market.verified_seller();
    const auto buyer = market.client_with(100 * kCredit);
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto stored = market.sell(seller, offer, 130);
    const auto purchase = market.buy(buyer, offer).value();
    market.release_enough(purchase.id());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (std::uint64_t i = 1; i <= 129; i += 2) ranges.emplace_back(i, i);
    CHECK(code_of(market.deliver(market.receipt(buyer, purchase, 1, {{stored.drawn[0], ranges}}))) == "bad_receipt");
    ranges.pop_back();
    CHECK(code_of(market.deliver(market.receipt(buyer, purchase, 1, {{stored.drawn[0], ranges}}))) == "ok");
}

TEST_CASE("however many pieces a buyer hands in itself, an operator's own receipt still finds room") {
    Market market;
    const auto seller = market.verified_seller();
    const auto buyer = market.client_with(100 * kCredit);
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto stored = market.sell(seller, offer, 400);
    const auto purchase = market.buy(buyer, offer).value();
    market.release_enough(purchase.id());
    const auto& name = stored.drawn[0];
    const auto every_second = [&](std::uint64_t first, std::uint64_t pieces) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
        for (std::uint64_t i = 0; i < pieces; ++i) ranges.emplace_back(first + 2 * i, first + 2 * i);
        return market.receipt(buyer, purchase, 1, {{name, ranges}});
    };
    CHECK(code_of(market.deliver(every_second(101, 64))) == "ok");
    CHECK(code_of(market.deliver(every_second(229, 64))) == "ok");
    CHECK(code_of(market.deliver(every_second(357, 1))) == "too_many_pieces");
    const auto own = every_second(1, 40);
    CHECK(code_of(market.deliver(own)) == "too_many_pieces");
    const auto hand_in = [&](const schema::DownloadDataStreamRequest& request) {
        return code_of(
            market.chain.submit<schema::DownloadReply>(market.operators[name], names::contract::kSecurityManager,
                                                       names::security_manager::kDownloadDataStream, request));
    };
    CHECK(hand_in(own) == "ok");
    // A receipt that is no one's last word still pays what it can: the other operator's part.
    CHECK(code_of(market.deliver(
              market.receipt(buyer, purchase, 2, {{name, {{359, 359}}}, {stored.drawn[1], {{361, 370}}}}))) == "ok");
    CHECK(market.purchase(purchase.id())->delivered_entries() == 64 + 64 + 40 + 10);
    CHECK(hand_in(market.receipt(buyer, purchase, 3, {{name, {{1, 360}}}})) == "ok");
    CHECK(market.purchase(purchase.id())->delivered_entries() == 370);
}

TEST_CASE("a buyer that revokes its grant still pays for what it signed for") {
    Delivery delivery;
    schema::RevokeGrantRequest revoke;
    revoke.set_grant(delivery.purchase.grant());
    delivery.market.chain
        .submit<schema::GrantReply>(delivery.buyer, names::contract::kSecurityManager,
                                    names::security_manager::kRevokeGrant, revoke)
        .value();
    CHECK_FALSE(delivery.market.grant(delivery.purchase.grant())->active());
    CHECK(delivery.deliver(1, {{delivery.a, {{1, 10}}}}) == "ok");
    CHECK(delivery.market.balance(delivery.seller.did) == 9 * kCredit);
}

TEST_CASE("an operator that gets another key meanwhile is paid on, to the account it began with") {
    Delivery delivery;
    auto& market = delivery.market;
    CHECK(delivery.deliver(1, {{delivery.a, {{1, 5}}}}) == "ok");
    schema::RegisterOperatorRequest request;
    request.mutable_operator_()->set_name(delivery.a);
    request.mutable_operator_()->set_organisation("org1");
    request.mutable_operator_()->set_did(new_actor().did);
    request.mutable_operator_()->set_active(true);
    REQUIRE(market.decide(
        {market.governed(names::contract::kSecurityManager, names::security_manager::kRegisterOperator, request)}));
    CHECK(delivery.deliver(2, {{delivery.a, {{1, 10}}}}) == "ok");
    CHECK(market.balance(market.operators[delivery.a].did) == 800'000);
}

TEST_CASE("nobody but the security manager settles, and nobody but the marketplace grants") {
    Delivery delivery;
    schema::SettleRequest settle;
    settle.set_purchase(delivery.purchase.id());
    settle.set_delivered_entries(10);
    CHECK(code_of(delivery.market.chain.submit<schema::PurchaseReply>(
              delivery.seller, names::contract::kMarketplace, names::marketplace::kSettle, settle)) == "contract_only");
    CHECK(code_of(delivery.market.decide({delivery.market.governed(
              names::contract::kMarketplace, names::marketplace::kSettle, settle)})) == "contract_only");
    schema::CreateGrantRequest grant;
    CHECK(code_of(delivery.market.chain.submit<schema::Grant>(delivery.seller, names::contract::kSecurityManager,
                                                              names::security_manager::kCreateGrant, grant)) ==
          "contract_only");
}

}  // namespace fairstream::chaincode::tests
