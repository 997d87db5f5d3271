#include <catch2/catch.hpp>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/live_market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
using namespace std::chrono_literals;

TEST_CASE("a stream offer says what one price buys, and other modes have no windows") {
    LiveMarket market;
    CHECK(code_of(market.create_stream_offer(kCredit, 9, "a")) == "bad_arguments");
    CHECK(code_of(market.create_stream_offer(kCredit, 10, "b")) == "ok");
    CHECK(code_of(market.create_stream_offer(kCredit, 31 * 24 * 3600, "c")) == "ok");
    CHECK(code_of(market.create_stream_offer(kCredit, 31 * 24 * 3600 + 1, "d")) == "bad_arguments");
    CHECK(code_of(market.create_stream_offer(kCredit, 0, "e")) == "bad_arguments");
}

TEST_CASE("key epochs are opened one after the other, once dealt, by the seller, under a live grant of the offer") {
    LiveMarket market;
    CHECK(market.token.key_epoch() == 1);
    CHECK(code_of(market.open(market.seller, market.token.grant(), 1)) == "not_dealt");
    market.deal(market.seller, market.offer.stream_id(), 1).value();
    CHECK(code_of(market.open(new_actor(), market.token.grant(), 1)) == "not_seller");
    CHECK(code_of(market.open(market.seller, std::string(32, 'a'), 1)) == "not_found");
    CHECK(code_of(market.open(market.seller, market.token.grant(), 0)) == "out_of_sequence");
    CHECK(code_of(market.open(market.seller, market.token.grant(), 2)) == "out_of_sequence");

    const auto other = market.create_stream_offer(kCredit, 60, "city/other").value();
    const auto foreign = market.upload_token(market.seller, other.id()).value();
    CHECK(code_of(market.open(market.seller, foreign.grant(), 1)) == "foreign_grant");
    const auto undrawn = market.upload_token(market.seller, market.offer.id()).value();
    schema::RevokeGrantRequest revoke;
    revoke.set_grant(undrawn.grant());
    market.chain
        .submit<schema::GrantReply>(market.seller, names::contract::kSecurityManager,
                                    names::security_manager::kRevokeGrant, revoke)
        .value();
    CHECK(code_of(market.open(market.seller, undrawn.grant(), 1)) == "not_active");

    const auto epoch = market.open(market.seller, market.token.grant(), 1).value();
    CHECK(epoch.number() == 1);
    CHECK(epoch.stream_id() == market.offer.stream_id());
    CHECK(epoch.closed_at_us() == 0);
    REQUIRE(market.chain.events().size() == 1);
    CHECK(market.chain.events()[0].name() == "KeyEpochOpened");

    // The same again answers the same, and tells no one.
    market.chain.advance(5s);
    CHECK(market.open(market.seller, market.token.grant(), 1).value().opened_at_us() == epoch.opened_at_us());
    CHECK(market.chain.events().empty());
    CHECK(market.upload_token(market.seller, market.offer.id()).value().key_epoch() == 2);
}

TEST_CASE("an upload grant that has expired opens nothing, and offers of batches have no key epochs") {
    LiveMarket market;
    const auto batches = market.create_offer(market.seller, kCredit).value();
    schema::OpenKeyEpochRequest request;
    request.set_offer(batches.id());
    request.set_grant(market.upload_token(market.seller, batches.id()).value().grant());
    request.set_key_epoch(1);
    CHECK(code_of(market.chain.submit<schema::OpenKeyEpochReply>(market.seller, names::contract::kMarketplace,
                                                                 names::marketplace::kOpenKeyEpoch, request)) ==
          "not_a_stream");

    market.chain.advance(31 * 24h);
    market.deal(market.seller, market.offer.stream_id(), 1).value();
    CHECK(code_of(market.open(market.seller, market.token.grant(), 1)) == "expired");
}

TEST_CASE("an epoch covers the time to the next one's opening, and the last one, to its batch's record") {
    LiveMarket market;
    const auto first = market.open(1);
    CHECK(code_of(market.deal(market.seller, market.offer.stream_id(), 2)) == "ok");
    CHECK(code_of(market.open(market.seller, market.token.grant(), 2)) == "too_early");  // within a second
    market.chain.advance(30s);
    const auto second = market.open(market.seller, market.token.grant(), 2).value();
    market.chain.advance(2s);
    const auto batch = market.record_epoch(1, 5);
    CHECK(batch.number() == 1);
    CHECK(batch.from_us() == first.opened_at_us());
    CHECK(batch.until_us() == second.opened_at_us());

    LiveMarket alone;
    const auto only = alone.open(1);
    alone.chain.advance(10s);
    const auto last = alone.record_epoch(1, 5);
    CHECK(last.from_us() == only.opened_at_us());
    CHECK(last.until_us() == last.recorded_at_us());
    // A session that goes on later leaves a hole.
    alone.chain.advance(60s);
    alone.begin_session();
    CHECK(alone.token.key_epoch() == 2);
    CHECK(alone.token.next_sequence() == 6);
    CHECK(alone.open(2).opened_at_us() > last.until_us() + 59'000'000);
}

TEST_CASE("a batch of a stream needs its key epoch opened, and says its time from the ledger, not from the seller") {
    LiveMarket market;
    market.open(1);
    market.chain.advance(10s);
    auto stored = market.close(1, 3);
    stored.batch.set_from_us(1);
    stored.batch.set_until_us(UINT64_MAX);
    market.upload(market.seller, stored).value();
    const auto batch = market.record(market.seller, market.offer, stored).value().batches(0);
    CHECK(batch.until_us() == batch.recorded_at_us());
    // Told again after a crash: the same answer.
    market.chain.advance(5s);
    CHECK(market.record(market.seller, market.offer, stored).value().batches(0).recorded_at_us() ==
          batch.recorded_at_us());

    market.deal(market.seller, market.offer.stream_id(), 2).value();
    auto unopened = market.store(market.seller, market.create_stream_offer(kCredit, 60, "city/unopened").value(), 2);
    market.upload(market.seller, unopened).value();
    schema::RecordStreamDetailsRequest request;
    request.set_grant(unopened.token.grant());
    *request.mutable_batch() = unopened.batch;
    schema::ListOffersRequest list;
    list.set_topic_prefix("city/unopened");
    request.set_offer(market.chain
                          .query<schema::ListOffersReply>(market.issuer, names::contract::kMarketplace,
                                                          names::marketplace::kListOffers, list)
                          .value()
                          .offers(0)
                          .id());
    CHECK(code_of(market.chain.submit<schema::OfferReply>(market.seller, names::contract::kMarketplace,
                                                          names::marketplace::kRecordStreamDetails, request)) ==
          "not_opened");
}

TEST_CASE("an epoch without frames is passed over by the next batch") {
    LiveMarket market;
    const auto buyer = market.client_with(100 * kCredit);
    market.open(1);  // opened, then the seller lost its key
    market.chain.advance(10s);
    market.open(2);
    market.chain.advance(10s);
    const auto batch = market.record_epoch(2, 4);
    CHECK(batch.number() == 1);
    CHECK(batch.key_epoch() == 2);
    // Nothing can be written under epoch 1 any more: who buys from now on does not get its key.
    market.chain.advance(1s);
    CHECK(market.key_epochs(market.buy_time(buyer, 1).value().id()).empty());
}

TEST_CASE("batches are listed in order, page by page") {
    LiveMarket market;
    for (std::uint32_t number = 1; number <= 5; ++number) {
        market.open(number);
        market.chain.advance(2s);
        market.record_epoch(number, 1);
    }
    const auto list = [&](std::uint32_t after, std::uint32_t limit) {
        schema::ListBatchesRequest request;
        request.set_offer(market.offer.id());
        request.set_after(after);
        request.set_limit(limit);
        const auto reply = market.chain.query<schema::ListBatchesReply>(market.issuer, names::contract::kMarketplace,
                                                                        names::marketplace::kListBatches, request);
        std::vector<std::uint32_t> numbers;
        for (const auto& batch : reply.value().batches()) numbers.push_back(batch.number());
        return numbers;
    };
    CHECK(list(0, 0) == std::vector<std::uint32_t>{1, 2, 3, 4, 5});
    CHECK(list(1, 3) == std::vector<std::uint32_t>{2, 3, 4});
    CHECK(list(5, 3).empty());
    CHECK(list(UINT32_MAX, 3).empty());
}

TEST_CASE("a seller cannot open key epochs without end and never close one") {
    LiveMarket market;
    for (std::uint32_t number = 1; number <= 64; ++number) {
        market.open(number);
        market.chain.advance(2s);
    }
    market.deal(market.seller, market.offer.stream_id(), 65).value();
    CHECK(code_of(market.open(market.seller, market.token.grant(), 65)) == "too_many_waiting");
    market.record_epoch(64, 1);
    market.chain.advance(2s);
    CHECK(code_of(market.open(market.seller, market.token.grant(), 65)) == "ok");
}

}  // namespace fairstream::chaincode::tests
