#include <catch2/catch.hpp>
#include <chrono>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
namespace proto = ledger::proto;
using namespace std::chrono_literals;

namespace {

/// A purchase of five frames for 10 credits by a buyer that had 100.
struct Trade {
    Market market;
    Who seller = market.verified_seller();
    Who buyer = market.client_with(100 * kCredit);
    schema::Offer offer = market.create_offer(seller, 10 * kCredit).value();
    Market::Stored stored = market.sell(seller, offer, 5);
    schema::Purchase purchase = market.buy(buyer, offer).value();

    void advance_to(std::uint64_t us) { market.chain.advance(base::from_us(us) - market.chain.now()); }
    Bytes refund_request() const {
        schema::RefundRequest request;
        request.set_purchase(purchase.id());
        return ledger::proto::encode(request);
    }
};

}  // namespace

TEST_CASE("deadlines stand in the order release, delivery, claim, challenge, refund") {
    Trade trade;
    const auto& deadlines = trade.purchase.deadlines();
    const auto made = trade.purchase.agreement().made_at_us();
    CHECK(deadlines.release_us() == made + 600'000'000);
    CHECK(deadlines.delivery_us() == deadlines.release_us() + 3'600'000'000);
    CHECK(deadlines.claim_us() == deadlines.delivery_us() + 600'000'000);
    CHECK(deadlines.challenge_us() == deadlines.claim_us() + 600'000'000);
    CHECK(deadlines.refund_us() > deadlines.challenge_us());
}

TEST_CASE("without enough keys the whole price returns once the release deadline has passed, and not before") {
    Trade trade;
    auto& market = trade.market;
    market.release(0, trade.purchase.id()).value();
    market.release(1, trade.purchase.id()).value();
    const auto late = market.prepare_release(2, trade.purchase.id());
    CHECK(code_of(market.refund(trade.buyer, trade.purchase.id())) == "too_early");
    trade.advance_to(trade.purchase.deadlines().release_us());
    CHECK(code_of(market.refund(trade.buyer, trade.purchase.id())) == "too_early");
    market.chain.advance(1s);

    const auto anyone = new_actor();
    CHECK(market.refund(anyone, trade.purchase.id())->state() == schema::REFUNDED);
    CHECK(market.balance(trade.buyer.did) == 100 * kCredit);
    CHECK(market.balance(trade.seller.did) == 0);
    CHECK(code_of(market.refund(anyone, trade.purchase.id())) == "already_refunded");
    CHECK(market.grant(trade.purchase.grant())->why_not() == "refunded");
    CHECK(code_of(market.release(market.chain.organisations()[2].node, late)) == "too_late");
    CHECK(code_of(market.deliver(market.receipt(trade.buyer, trade.purchase, 1,
                                                {{trade.stored.drawn[0], {{1, 5}}}}))) == "already_refunded");
}

TEST_CASE("with the keys released, what was not delivered returns after the refund deadline") {
    Trade trade;
    auto& market = trade.market;
    market.release_enough(trade.purchase.id());
    market.deliver(market.receipt(trade.buyer, trade.purchase, 1, {{trade.stored.drawn[0], {{1, 2}}}})).value();
    trade.advance_to(trade.purchase.deadlines().release_us() + 1'000'000);
    CHECK(code_of(market.refund(trade.buyer, trade.purchase.id())) == "too_early");
    trade.advance_to(trade.purchase.deadlines().refund_us() + 1);
    const auto late = market.receipt(trade.buyer, trade.purchase, 2, {{trade.stored.drawn[0], {{1, 5}}}});
    CHECK(code_of(market.deliver(late)) == "too_late");

    const auto refunded = market.refund(trade.seller, trade.purchase.id()).value();
    CHECK(refunded.state() == schema::REFUNDED);
    CHECK(refunded.paid_micro() == 4 * kCredit);
    CHECK(market.balance(trade.buyer.did) == 96 * kCredit);
    CHECK(market.balance(trade.seller.did) == 3'600'000);
}

TEST_CASE("what was delivered cannot be refunded") {
    Trade trade;
    auto& market = trade.market;
    market.release_enough(trade.purchase.id());
    market.deliver(market.receipt(trade.buyer, trade.purchase, 1, {{trade.stored.drawn[0], {{1, 5}}}})).value();
    CHECK(code_of(market.refund(trade.buyer, trade.purchase.id())) == "already_settled");
    trade.advance_to(trade.purchase.deadlines().refund_us() + 1);
    CHECK(code_of(market.refund(trade.buyer, trade.purchase.id())) == "already_settled");
    CHECK(market.balance(trade.buyer.did) == 90 * kCredit);
}

TEST_CASE("block time decides: a refund endorsed after the deadline is void in a block before it") {
    Trade trade;
    auto& chain = trade.market.chain;
    trade.advance_to(trade.purchase.deadlines().release_us() + 10);
    const auto refund =
        chain.endorse(trade.buyer, names::contract::kMarketplace, names::marketplace::kRefund, trade.refund_request());
    REQUIRE(refund);
    chain.advance(-5s);
    CHECK(chain.commit({*refund}).front() == proto::GUARD_NOT_MET);
    CHECK(trade.market.balance(trade.buyer.did) == 90 * kCredit);
}

TEST_CASE("block time decides: a release endorsed before the deadline is void in a block after it") {
    Trade trade;
    auto& chain = trade.market.chain;
    const auto request = trade.market.prepare_release(0, trade.purchase.id());
    trade.advance_to(trade.purchase.deadlines().release_us() - 10);
    const auto release = chain.endorse(chain.organisations()[0].node, names::contract::kCustody,
                                       names::custody::kRelease, ledger::proto::encode(request));
    REQUIRE(release);
    chain.advance(1s);
    CHECK(chain.commit({*release}).front() == proto::GUARD_NOT_MET);
    CHECK(trade.market.purchase(trade.purchase.id())->releases() == 0);
}

TEST_CASE("a refund and the payment it would undo never both commit") {
    Trade trade;
    auto& market = trade.market;
    market.release_enough(trade.purchase.id());
    trade.advance_to(trade.purchase.deadlines().refund_us() - 1'000);
    const auto receipt = market.receipt(trade.buyer, trade.purchase, 1, {{trade.stored.drawn[0], {{1, 5}}}});
    const auto pay = market.chain.endorse(trade.seller, names::contract::kSecurityManager,
                                          names::security_manager::kDownloadDataStream, ledger::proto::encode(receipt));
    market.chain.advance(1s);
    const auto refund = market.chain.endorse(trade.buyer, names::contract::kMarketplace, names::marketplace::kRefund,
                                             trade.refund_request());
    REQUIRE(pay);
    REQUIRE(refund);
    const auto codes = market.chain.commit({*pay, *refund});
    CHECK(codes[0] == proto::GUARD_NOT_MET);
    CHECK(codes[1] == proto::VALID);
    CHECK(market.balance(trade.buyer.did) == 100 * kCredit);
}

}  // namespace fairstream::chaincode::tests
