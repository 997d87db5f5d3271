#include <catch2/catch.hpp>
#include <chrono>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
using namespace std::chrono_literals;

namespace {

struct Studio {
    Market market;
    Who seller = market.verified_seller();
    schema::Offer offer = market.create_offer(seller, kCredit).value();

    schema::Manifest manifest(const Market::Stored& stored) const {
        schema::SignedManifest outer;
        REQUIRE(outer.ParseFromString(stored.upload.closing_manifest()));
        schema::Manifest inner;
        REQUIRE(inner.ParseFromString(outer.manifest()));
        return inner;
    }
};

}  // namespace

TEST_CASE("only verified sellers list offers") {
    Market market;
    const auto stranger = new_actor();
    CHECK(code_of(market.create_offer(stranger, kCredit)) == "not_registered");
    const auto client = market.client_with(0);
    CHECK(code_of(market.create_offer(client, kCredit)) == "not_registered");
    const auto seller = market.verified_seller();
    CHECK(market.create_offer(seller, kCredit));
    REQUIRE(market.trust(market.issuer.did, 800'000, /*active=*/false));
    CHECK(code_of(market.create_offer(seller, kCredit, {}, "other")) == "not_verified");
}

TEST_CASE("a credential that has expired verifies nobody") {
    Market market;
    const auto seller = new_actor();
    market.register_seller(seller, market.credential(seller, market.issuer, "VerifiedActor", 2h)).value();
    CHECK(market.create_offer(seller, kCredit));
    market.chain.advance(3h);
    CHECK(code_of(market.create_offer(seller, kCredit, {}, "later")) == "not_verified");
    CHECK(market.actor(seller.did)->trust_score() == 0);
    market.register_seller(seller, market.credential(seller, market.issuer)).value();  // renewed
    CHECK(market.create_offer(seller, kCredit, {}, "renewed"));
}

TEST_CASE("drafts are bounded") {
    Market market;
    const auto seller = market.verified_seller();
    const auto refused = [&](auto change) {
        schema::CreateOfferRequest request;
        request.mutable_draft()->set_topic("city/traffic");
        request.mutable_draft()->set_mode("one-off");
        request.mutable_draft()->set_price_micro(kCredit);
        change(*request.mutable_draft());
        return code_of(market.chain.submit<schema::OfferReply>(seller, names::contract::kMarketplace,
                                                               names::marketplace::kCreateOffer, request));
    };
    CHECK(refused([](auto& draft) { draft.set_topic("/city"); }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.set_topic("city//traffic"); }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.set_topic("City"); }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.set_topic(std::string(129, 'a')); }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.set_mode("auction"); }) == "unknown_mode");
    CHECK(refused([](auto& draft) { draft.set_price_micro(0); }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.set_price_micro(-1); }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.mutable_terms()->set_licence("{not json"); }) == "bad_licence");
    CHECK(refused([](auto& draft) { draft.mutable_terms()->set_minimum_trust(1'000'001); }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.mutable_place()->set_latitude_e7(900'000'001); }) == "bad_arguments");
    CHECK(refused([](auto& draft) {
              for (int i = 0; i < 17; ++i) *draft.add_tags() = std::string(1, 't');
          }) == "bad_arguments");
    CHECK(refused([](auto& draft) { draft.set_title("a\nb"); }) == "bad_arguments");
    CHECK(refused([](auto&) {}) == "ok");
}

TEST_CASE("offers are listed by topic, page by page, with the seller's trust score") {
    Market market;
    const auto seller = market.verified_seller();
    for (const auto* const topic : {"city/air", "city/traffic", "farm/soil"})
        market.create_offer(seller, kCredit, {}, topic).value();
    schema::ListOffersRequest request;
    request.set_topic_prefix("city/");
    request.set_limit(1);
    const auto list = [&] {
        return market.chain
            .query<schema::ListOffersReply>(new_actor(), names::contract::kMarketplace, names::marketplace::kListOffers,
                                            request)
            .value();
    };
    auto page = list();
    REQUIRE(page.offers_size() == 1);
    CHECK(page.offers(0).draft().topic() == "city/air");
    CHECK(page.offers(0).seller_trust() == 400'000);
    request.set_after(page.next());
    page = list();
    REQUIRE(page.offers_size() == 1);
    CHECK(page.offers(0).draft().topic() == "city/traffic");
    request.set_after(page.next());
    page = list();
    CHECK(page.offers_size() == 0);
    CHECK(page.next().empty());
}

TEST_CASE("two offers on one topic within a second would be one stream") {
    Studio studio;
    CHECK(code_of(studio.market.create_offer(studio.seller, kCredit)) == "duplicate_stream");
    studio.market.chain.advance(1s);
    CHECK(studio.market.create_offer(studio.seller, kCredit));
}

TEST_CASE("only the offer's seller uploads to it") {
    Studio studio;
    const auto other = studio.market.verified_seller();
    CHECK(code_of(studio.market.upload_token(other, studio.offer.id())) == "not_seller");
    const auto stored = studio.market.store(studio.seller, studio.offer, 2);
    CHECK(code_of(studio.market.upload(other, stored)) == "not_holder");
    CHECK(code_of(studio.market.record(other, studio.offer, stored)) == "not_seller");
}

TEST_CASE("the draw waits for the block after the request's") {
    Studio studio;
    const auto token = studio.market.upload_token(studio.seller, studio.offer.id()).value();
    CHECK(code_of(studio.market.draw(token.grant())) == "not_decided");
    studio.market.chain.commit({});
    const auto drawn = studio.market.draw(token.grant()).value();
    CHECK(drawn.active());
    CHECK(drawn.operators_size() == 3);
    const auto again = studio.market.draw(token.grant()).value();
    CHECK(again.grant().SerializeAsString() == drawn.grant().SerializeAsString());
}

TEST_CASE("a batch is recorded only with receipts and a dealing, and exactly as stored") {
    Studio studio;
    auto& market = studio.market;
    const auto stored = market.store(studio.seller, studio.offer, 3);
    CHECK(code_of(market.record(studio.seller, studio.offer, stored)) == "not_stored");
    market.upload(studio.seller, stored).value();

    auto other = stored;
    other.batch.set_merkle_root(std::string(32, 'x'));
    CHECK(code_of(market.record(studio.seller, studio.offer, other)) == "batch_mismatch");
    other = stored;
    other.batch.set_sigma_d(std::string(32, 'x'));
    CHECK(code_of(market.record(studio.seller, studio.offer, other)) == "batch_mismatch");
    other = stored;
    other.batch.set_manifest_root(std::string(32, 'x'));
    CHECK(code_of(market.record(studio.seller, studio.offer, other)) == "batch_mismatch");
    other = stored;
    other.batch.set_last_sequence(2);
    CHECK(code_of(market.record(studio.seller, studio.offer, other)) == "not_stored");
    other = stored;
    other.batch.set_key_epoch(9);
    CHECK(code_of(market.record(studio.seller, studio.offer, other)) == "not_dealt");

    const auto recorded = market.record(studio.seller, studio.offer, stored).value();
    CHECK(recorded.batches(0).number() == 1);
    // A seller that crashed tells it again.
    CHECK(market.record(studio.seller, studio.offer, stored)->offer().batches() == 1);
    other = stored;
    other.batch.set_name("other.csv");
    CHECK(code_of(market.record(studio.seller, studio.offer, other)) == "out_of_sequence");
}

TEST_CASE("a grant of one offer does not record a batch of another") {
    Studio studio;
    auto& market = studio.market;
    const auto other = market.create_offer(studio.seller, kCredit, {}, "other").value();
    const auto stored = market.store(studio.seller, studio.offer, 2);
    market.upload(studio.seller, stored).value();
    CHECK(code_of(market.record(studio.seller, other, stored)) == "foreign_grant");
}

TEST_CASE("an upload given up does not spoil the next: each token has its own key epoch") {
    Studio studio;
    const auto first = studio.market.upload_token(studio.seller, studio.offer.id()).value();
    const auto second = studio.market.upload_token(studio.seller, studio.offer.id()).value();
    CHECK(first.key_epoch() == 1);
    CHECK(second.key_epoch() == 2);
    CHECK(second.next_sequence() == 1);
}

TEST_CASE("storage receipts: a quorum of distinct drawn operators, for this manifest, truly signed") {
    Studio studio;
    auto& market = studio.market;
    const auto stored = market.store(studio.seller, studio.offer, 3);
    const auto manifest = studio.manifest(stored);
    const auto& drawn = stored.drawn;
    std::string not_drawn;
    for (const auto& [name, who] : market.operators)
        if (std::find(drawn.begin(), drawn.end(), name) == drawn.end()) not_drawn = name;

    const auto attempt = [&](schema::UploadDataStreamRequest upload) {
        auto changed = stored;
        changed.upload = std::move(upload);
        return code_of(market.upload(studio.seller, changed));
    };
    CHECK(attempt(market.proof(studio.seller, stored.token.grant(), manifest, {drawn[0]})) == "no_quorum");
    CHECK(attempt(market.proof(studio.seller, stored.token.grant(), manifest, {drawn[0], drawn[0]})) == "bad_receipt");
    CHECK(attempt(market.proof(studio.seller, stored.token.grant(), manifest, {drawn[0], not_drawn})) ==
          "operator_not_drawn");
    auto forged = stored.upload;
    forged.mutable_receipts(1)->set_signature(forged.receipts(0).signature());
    CHECK(attempt(forged) == "bad_receipt");
    forged = stored.upload;
    forged.mutable_receipts(1)->set_root(std::string(32, 'r'));
    CHECK(attempt(forged) == "bad_receipt");
    forged = stored.upload;
    forged.mutable_receipts(0)->set_mark_index(0);
    CHECK(attempt(forged) == "bad_receipt");

    auto other = manifest;
    other.set_sigma_d(std::string(32, 's'));
    const auto elsewhere = market.proof(studio.seller, stored.token.grant(), other, drawn);
    forged = stored.upload;
    *forged.mutable_receipts() = elsewhere.receipts();
    CHECK(attempt(forged) == "bad_receipt");  // the operators stored another manifest

    auto two = stored.upload;
    two.mutable_receipts()->RemoveLast();
    CHECK(attempt(two) == "ok");
    CHECK(attempt(stored.upload) == "ok");        // told again: the same record
    CHECK(attempt(elsewhere) == "bad_manifest");  // two different ends of one batch
}

TEST_CASE("closing manifests: by the writer, of this stream, within the grant, closing and chained") {
    Studio studio;
    auto& market = studio.market;
    const auto stored = market.store(studio.seller, studio.offer, 3);
    const auto attempt = [&](auto change) {
        auto manifest = studio.manifest(stored);
        change(manifest);
        auto changed = stored;
        changed.upload = market.proof(studio.seller, stored.token.grant(), manifest, stored.drawn);
        return code_of(market.upload(studio.seller, changed));
    };
    CHECK(attempt([](auto& manifest) { manifest.set_closing(false); }) == "bad_manifest");
    CHECK(attempt([](auto& manifest) { manifest.set_stream(std::string(16, 'x')); }) == "bad_manifest");
    CHECK(attempt([](auto& manifest) { manifest.set_first(0); }) == "bad_manifest");
    CHECK(attempt([](auto& manifest) { manifest.set_first(2); }) ==
          "bad_manifest");  // not the first, yet chains to none
    CHECK(attempt([](auto& manifest) { manifest.set_last(UINT64_MAX); }) == "bad_manifest");
    auto foreign = stored;
    const auto other = new_actor();
    foreign.upload.set_closing_manifest(
        market.proof(other, stored.token.grant(), studio.manifest(stored), stored.drawn).closing_manifest());
    CHECK(code_of(market.upload(studio.seller, foreign)) == "bad_manifest");
    foreign = stored;
    foreign.upload.set_token_signature(market.signature(other.key, "upload-token/v1", stored.token.grant()));
    CHECK(code_of(market.upload(studio.seller, foreign)) == "bad_token_signature");
    foreign.upload.set_token_signature(market.signature(studio.seller.key, "download-token/v1", stored.token.grant()));
    CHECK(code_of(market.upload(studio.seller, foreign)) == "bad_token_signature");
}

TEST_CASE("an upload grant ends: by time, or by its holder's word") {
    Studio studio;
    auto& market = studio.market;
    const auto stored = market.store(studio.seller, studio.offer, 1);
    schema::RevokeGrantRequest revoke;
    revoke.set_grant(stored.token.grant());
    const auto revoke_as = [&](const Who& who) {
        return code_of(market.chain.submit<schema::GrantReply>(who, names::contract::kSecurityManager,
                                                               names::security_manager::kRevokeGrant, revoke));
    };
    CHECK(revoke_as(new_actor()) == "not_holder");
    CHECK(revoke_as(studio.seller) == "ok");
    CHECK(revoke_as(studio.seller) == "already_revoked");
    CHECK(code_of(market.upload(studio.seller, stored)) == "revoked");
    CHECK(market.grant(stored.token.grant())->why_not() == "revoked");

    market.chain.advance(1s);
    const auto offer = market.create_offer(studio.seller, kCredit, {}, "later").value();
    const auto late = market.store(studio.seller, offer, 1);
    market.chain.advance(24h);
    CHECK(code_of(market.upload(studio.seller, late)) == "expired");
}

TEST_CASE("operators change their own endpoints only") {
    Market market;
    schema::SetEndpointsRequest request;
    request.set_name("op1");
    request.set_mqtt_url("mqtts://127.0.0.1:8883");
    request.set_https_url("https://127.0.0.1:8443");
    const auto set_as = [&](const Who& who) {
        return code_of(market.chain.submit<schema::Operator>(who, names::contract::kSecurityManager,
                                                             names::security_manager::kSetEndpoints, request));
    };
    CHECK(set_as(market.operators["op2"]) == "not_operator");
    CHECK(set_as(market.operators["op1"]) == "ok");
    request.set_https_url("http://127.0.0.1:8080");
    CHECK(set_as(market.operators["op1"]) == "bad_arguments");
    request.set_name("op9");
    request.set_https_url("https://127.0.0.1:8443");
    CHECK(set_as(market.operators["op1"]) == "not_found");
}

}  // namespace fairstream::chaincode::tests
