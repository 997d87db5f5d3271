#include <catch2/catch.hpp>

#include "chaincode/rules/amounts.hpp"
#include "chaincode/schema/names.hpp"
#include "tests/chaincode/live_market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
using namespace std::chrono_literals;
using Numbers = std::vector<std::uint32_t>;

namespace {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr auto kRenewal = "request-0000000002";

}  // namespace

TEST_CASE("windows are paid ahead: the escrow is so many prices, and time runs from the purchase") {
    LiveMarket market;
    const auto buyer = market.client_with(100 * kCredit);
    const auto purchase = market.buy_time(buyer, 3).value();
    const auto made = purchase.agreement().made_at_us();
    CHECK(purchase.agreement().price_micro() == 3 * LiveMarket::kPrice);
    CHECK(market.balance(buyer.did) == 100 * kCredit - 3 * LiveMarket::kPrice);
    CHECK(purchase.window().from_us() == made);
    CHECK(purchase.window().until_us() == made + 180 * kSecond);
    CHECK(purchase.window().count() == 3);
    CHECK_FALSE(purchase.has_batch());
    // Deadlines count from the end of the time.
    CHECK(purchase.deadlines().release_us() == made + (180 + 600) * kSecond);
    CHECK(purchase.deadlines().delivery_us() == made + (180 + 600 + 3600) * kSecond);

    // The right to read stands at once: each key epoch's key comes by itself.
    const auto grant = market.grant(purchase.grant()).value();
    CHECK(grant.active());
    CHECK(grant.grant().from_us() == purchase.window().from_us());
    CHECK(grant.grant().until_us() == purchase.window().until_us());
    CHECK(grant.grant().receipt_window() == 1'000);
    CHECK(grant.grant().expires_us() == purchase.deadlines().delivery_us());
    CHECK(grant.grant().first_sequence() == 0);
    CHECK(grant.grant().last_sequence() == rules::kMaxBatchEntries);
}

TEST_CASE("what a purchase of time refuses") {
    LiveMarket market;
    market.offer = market.create_stream_offer(kCredit / 2, 60, "city/cheap").value();
    const auto early = market.buy_time(market.client_with(kCredit), 1);  // never streamed yet
    CHECK(code_of(early) == "no_placement");
    CHECK(early.error().message.find("once its seller has begun the first session") != std::string::npos);
    market.begin_session();
    const auto buyer = market.client_with(1'000 * kCredit);
    CHECK(code_of(market.buy_time(buyer, 0)) == "bad_arguments");
    CHECK(code_of(market.buy_time(buyer, 1'001)) == "bad_arguments");
    auto request = market.time_order(buyer, 1, "request-0000000001");
    request.set_batch(1);
    CHECK(code_of(market.request_download(buyer, request)) == "bad_arguments");
    request = market.time_order(buyer, 1, "request-0000000001");
    request.set_price_micro(kCredit);
    CHECK(code_of(market.request_download(buyer, request)) == "price_changed");
    CHECK(code_of(market.buy_time(buyer, 1'000)) == "ok");
    CHECK(code_of(market.buy_time(buyer, 1)) == "duplicate_request");
    CHECK(code_of(market.buy_time(market.client_with(kCredit), 3)) == "insufficient_funds");

    // Batches are not sold by windows.
    const auto batches = market.create_offer(market.seller, kCredit).value();
    market.sell(market.seller, batches, 1);
    auto of_batch = market.order(buyer, batches, kRenewal);
    of_batch.set_windows(1);
    CHECK(code_of(market.request_download(buyer, of_batch)) == "bad_arguments");
    of_batch.set_windows(0);
    of_batch.set_after(std::string(32, 'a'));
    CHECK(code_of(market.request_download(buyer, of_batch)) == "bad_arguments");

    // Renewals cannot climb to times that no clock can say.
    market.offer = market.create_stream_offer(1, 31 * 24 * 3600, "city/long").value();
    market.begin_session();
    const auto long_one = market.buy_time(buyer, 1'000, kRenewal).value();
    CHECK(code_of(market.buy_time(buyer, 1, "request-0000000003", long_one.id())) == "too_early");

    // 1,000 windows of the highest price would be more than one purchase may cost.
    market.offer = market.create_stream_offer(rules::kMaxPrice, 60, "city/dear").value();
    CHECK(code_of(market.buy_time(buyer, 2, "request-0000000004")) == "bad_arguments");
}

TEST_CASE("a renewal begins where the former purchase ends, once, and a late one begins now") {
    LiveMarket market;
    const auto buyer = market.client_with(100 * kCredit);
    const auto first = market.buy_time(buyer, 1).value();
    market.chain.advance(20s);
    const auto second = market.buy_time(buyer, 2, kRenewal, first.id()).value();
    CHECK(second.window().from_us() == first.window().until_us());
    CHECK(second.window().until_us() == first.window().until_us() + 120 * kSecond);
    CHECK(market.purchase(first.id()).value().renewed_by() == second.id());
    CHECK(market.purchase(second.id()).value().renewed_by().empty());
    CHECK(code_of(market.buy_time(buyer, 1, "request-0000000003", first.id())) == "already_renewed");

    market.chain.advance(1h);
    const auto late = market.buy_time(buyer, 1, "request-0000000004", second.id()).value();
    CHECK(late.window().from_us() == late.agreement().made_at_us());

    const auto stranger = market.client_with(100 * kCredit);
    CHECK(code_of(market.buy_time(stranger, 1, kRenewal, late.id())) == "not_buyer");
    CHECK(code_of(market.buy_time(buyer, 1, "request-0000000005", std::string(32, 'a'))) == "not_found");
    market.offer = market.create_stream_offer(kCredit, 60, "city/other").value();
    CHECK(code_of(market.buy_time(buyer, 1, "request-0000000005", late.id())) == "foreign_purchase");
}

TEST_CASE("a purchase is given the key epochs whose frames may lie in its time, and no other") {
    LiveMarket market;
    const auto buyer = market.client_with(1'000 * kCredit);
    market.open(1);
    market.chain.advance(30s);
    market.open(2);
    market.chain.advance(1s);
    const auto during_handover = market.buy_time(buyer, 1).value();  // epoch 1 is still written: not recorded
    CHECK(market.key_epochs(during_handover.id()) == Numbers{1, 2});
    market.chain.advance(1s);
    market.record_epoch(1, 5);
    const auto later = market.buy_time(buyer, 1, kRenewal).value();
    CHECK(market.key_epochs(later.id()) == Numbers{2});
    CHECK(code_of(market.release_task(0, later.id(), 1)) == "not_covered");
    CHECK(code_of(market.release_task(0, later.id(), 3)) == "not_covered");
    CHECK(code_of(market.release_task(0, later.id(), 0)) == "not_covered");
    market.chain.advance(30s);
    market.open(3);
    CHECK(market.key_epochs(during_handover.id()) == Numbers{1, 2, 3});
    CHECK(market.key_epochs(during_handover.id(), /*after=*/1, /*limit=*/1) == Numbers{2});
    CHECK(market.key_epochs(during_handover.id(), /*after=*/3).empty());
    CHECK(market.key_epochs(during_handover.id(), /*after=*/UINT32_MAX).empty());
    market.chain.advance(60s);
    market.open(4);  // after both have ended
    CHECK(market.key_epochs(later.id()) == Numbers{2, 3});
    CHECK(code_of(market.release_task(0, later.id(), 4)) == "not_covered");

    // The other way round: to whom an opened epoch's key is released.
    const auto third = market.buy_time(market.client_with(10 * kCredit), 1).value();
    CHECK(market.windows(4).value().purchases_size() == 1);
    CHECK(market.windows(4).value().purchases(0) == third.id());
    const auto all = market.windows(3).value();
    CHECK(all.purchases_size() == 3);
    std::vector<std::string> paged;
    std::string next;
    do {
        const auto page = market.windows(3, next, 1).value();
        paged.insert(paged.end(), page.purchases().begin(), page.purchases().end());
        next = page.next();
    } while (!next.empty());
    CHECK(paged == std::vector<std::string>(all.purchases().begin(), all.purchases().end()));
    CHECK(code_of(market.windows(9)) == "not_found");
}

TEST_CASE("each key epoch is released by itself, once by each custodian, and the state says how far") {
    LiveMarket market;
    const auto buyer = market.client_with(100 * kCredit);
    market.open(1);
    const auto purchase = market.buy_time(buyer, 1).value();
    CHECK(market.purchase(purchase.id()).value().state() == schema::ESCROWED);
    auto request = market.prepare_release(0, purchase.id(), 1);
    market.chain.advance(30s);
    market.open(2);
    auto wrong = request;
    wrong.set_key_epoch(2);
    CHECK(code_of(market.release(market.chain.organisations()[0].node, wrong)) == "bad_proof");
    wrong.set_key_epoch(7);
    CHECK(code_of(market.release(market.chain.organisations()[0].node, wrong)) == "not_covered");
    CHECK(code_of(market.release(market.chain.organisations()[0].node, request)) == "ok");
    CHECK(code_of(market.release(market.chain.organisations()[0].node, request)) == "already_released");
    CHECK_FALSE(market.release_task(0, purchase.id(), 1).value().wanted());
    CHECK(market.release_task(0, purchase.id(), 2).value().wanted());
    market.release_enough(purchase.id(), 2);
    CHECK(market.purchase(purchase.id()).value().state() == schema::RELEASED);  // the newest one
    CHECK(market.purchase(purchase.id()).value().releases() == 3);

    schema::GetReleasesRequest get;
    get.set_purchase(purchase.id());
    get.set_key_epoch(1);
    const auto first = market.chain.query<schema::GetReleasesReply>(market.issuer, names::contract::kCustody,
                                                                    names::custody::kGetReleases, get);
    CHECK(first.value().releases_size() == 1);
    CHECK(first.value().dealing().key_epoch() == 1);
}

TEST_CASE("nothing is released before the time that was bought begins, nor after the release deadline") {
    LiveMarket market;
    const auto buyer = market.client_with(100 * kCredit);
    const auto first = market.buy_time(buyer, 1).value();
    const auto renewal = market.buy_time(buyer, 1, kRenewal, first.id()).value();
    market.open(1);
    CHECK(market.key_epochs(renewal.id()) == Numbers{1});  // still open: it may reach into that time
    CHECK_FALSE(market.release_task(0, renewal.id(), 1).value().wanted());
    CHECK(market.release_task(0, renewal.id(), 1).value().not_before_us() == renewal.window().from_us());
    const auto request = market.prepare_release(0, renewal.id(), 1);
    CHECK(code_of(market.release(market.chain.organisations()[0].node, request)) == "too_early");
    market.chain.advance(60s);
    CHECK(market.release_task(0, renewal.id(), 1).value().wanted());
    CHECK(code_of(market.release(market.chain.organisations()[0].node, request)) == "ok");

    market.chain.advance(60s + 600s - 170s);
    CHECK_FALSE(market.release_task(1, renewal.id(), 1).value().wanted());  // custodians stop before the deadline
    market.chain.advance(170s);
    CHECK(code_of(market.release(market.chain.organisations()[1].node, market.prepare_release(1, renewal.id(), 1))) ==
          "too_late");
}

TEST_CASE("a batch's key is asked for without a key epoch, or with its own") {
    Market market;
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    market.sell(seller, offer, 1);
    const auto purchase = market.buy(market.client_with(10 * kCredit), offer).value();
    CHECK(code_of(market.release_task(0, purchase.id(), 1)) == "ok");
    CHECK(code_of(market.release_task(0, purchase.id(), 2)) == "wrong_key_epoch");
    CHECK(code_of(market.release(0, purchase.id(), 1)) == "ok");
    CHECK(code_of(market.release(market.chain.organisations()[0].node, market.prepare_release(0, purchase.id(), 0))) ==
          "already_released");
}

TEST_CASE("many buyers of one stream, and their custodians, commit in one block") {
    LiveMarket market;
    market.open(1);
    std::vector<Who> buyers;
    for (int i = 0; i < 4; ++i) buyers.push_back(market.client_with(10 * kCredit));
    std::vector<ledger::proto::Transaction> purchases;
    for (const auto& buyer : buyers)
        purchases.push_back(market.chain
                                .endorse(buyer, names::contract::kMarketplace,
                                         names::marketplace::kRequestDownloadToken,
                                         ledger::proto::encode(market.time_order(buyer, 1, "request-0000000001")))
                                .value());
    for (const auto code : market.chain.commit(purchases)) CHECK(code == ledger::proto::VALID);
    const auto ids = market.windows(1).value();
    REQUIRE(ids.purchases_size() == 4);
    std::vector<ledger::proto::Transaction> releases;
    for (const auto& id : ids.purchases())
        for (std::size_t organisation = 0; organisation < 3; ++organisation)
            releases.push_back(market.chain
                                   .endorse(market.chain.organisations()[organisation].node, names::contract::kCustody,
                                            names::custody::kRelease,
                                            ledger::proto::encode(market.prepare_release(organisation, id, 1)))
                                   .value());
    for (const auto code : market.chain.commit(releases)) CHECK(code == ledger::proto::VALID);
}

}  // namespace fairstream::chaincode::tests
