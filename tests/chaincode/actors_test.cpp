#include <catch2/catch.hpp>
#include <chrono>

#include "chaincode/schema/names.hpp"
#include "identity/credential/presentation.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
using namespace std::chrono_literals;

namespace {

std::string register_with(Market& market, const Who& who, const std::string& presentation,
                          const schema::RegisterRequest& request) {
    return code_of(market.chain.submit<schema::ActorReply>(who, names::contract::kActors,
                                                           names::actors::kRegisterAndVerifySeller, request,
                                                           to_bytes(std::string_view(presentation))));
}

schema::RegisterRequest as(const Who& who) {
    schema::RegisterRequest request;
    request.set_did(who.did);
    request.set_public_key(rules::as_field(who.key.public_key().compressed()));
    return request;
}

}  // namespace

TEST_CASE("a verified seller gets its first trust score, and its credential stays off the ledger") {
    Market market;
    const auto seller = new_actor();
    const auto credential = market.credential(seller, market.issuer);
    const auto actor = market.register_seller(seller, credential).value();
    CHECK(actor.seller());
    CHECK_FALSE(actor.client());
    CHECK(actor.verified());
    CHECK(actor.credibility() == 500'000);
    CHECK(actor.trust_score() == 400'000);  // 0.5 * 0.8
    REQUIRE(actor.identifiers_size() == 1);
    CHECK(actor.identifiers(0).issuer() == market.issuer.did);
    CHECK(actor.identifiers(0).type() == "VerifiedActor");
    const auto hash =
        identity::crypto::sha256(base::lp(std::string_view("nonce-of-this-test"), std::string_view(credential)));
    CHECK(actor.identifiers(0).credential_hash() == rules::as_field(hash));
    CHECK(actor.SerializeAsString().find(credential.substr(0, 40)) == std::string::npos);
}

TEST_CASE("an unverified seller is refused") {
    Market market;
    const auto seller = new_actor();
    CHECK(code_of(market.register_seller(seller, "")) == "not_verified");
    CHECK(code_of(market.actor(seller.did)) == "not_found");
}

TEST_CASE("a credential counts only from an issuer that the consortium trusts, for its types") {
    Market market;
    const auto seller = new_actor();
    const auto stranger = new_actor();
    CHECK(code_of(market.register_seller(seller, market.credential(seller, stranger))) == "untrusted_issuer");
    REQUIRE(market.trust(stranger.did, 300'000, true, {"SensorOwner"}));
    CHECK(code_of(market.register_seller(seller, market.credential(seller, stranger, "Member"))) == "untrusted_issuer");
    CHECK(market.register_seller(seller, market.credential(seller, stranger, "SensorOwner"))->trust_score() == 150'000);
    REQUIRE(market.trust(stranger.did, 300'000, false));
    CHECK_FALSE(market.actor(seller.did)->verified());
    CHECK(code_of(market.register_seller(new_actor(), market.credential(seller, stranger))) != "ok");
}

TEST_CASE("another's, an expired or a misdirected presentation is refused") {
    Market market;
    const auto seller = new_actor();
    const auto thief = new_actor();
    const auto credential = market.credential(seller, market.issuer);
    CHECK(code_of(market.register_seller(thief, credential)) == "wrong_holder");
    const auto present = [&](std::string_view audience) {
        return identity::credential::present(seller.key, credential, audience, "n", market.chain.now()).value();
    };
    // The owner's presentation, captured and sent by the thief.
    CHECK(register_with(market, thief, present(market.chain.name()), as(thief)) == "wrong_holder");
    CHECK(register_with(market, seller, present("othernet"), as(seller)) == "wrong_audience");
    CHECK(register_with(market, seller, "not a jwt", as(seller)) != "ok");
    const auto old = present(market.chain.name());
    market.chain.advance(10min);
    CHECK(register_with(market, seller, old, as(seller)) == "stale_presentation");
    market.chain.advance(25h);
    CHECK(code_of(market.register_seller(seller, credential)) == "expired");
}

TEST_CASE("an actor registers itself, with its own key, once") {
    Market market;
    const auto seller = market.verified_seller();
    const auto other = new_actor();
    const auto presentation = identity::credential::present(other.key, market.credential(other, market.issuer),
                                                            market.chain.name(), "n", market.chain.now())
                                  .value();
    CHECK(register_with(market, other, presentation, as(seller)) == "wrong_did");
    auto request = as(other);
    request.set_public_key(as(seller).public_key());
    CHECK(register_with(market, other, presentation, request) == "bad_arguments");
    CHECK(code_of(market.register_client(seller)) == "ok");
    CHECK(code_of(market.register_client(seller)) == "already_registered");
    CHECK(code_of(market.chain.submit<schema::ActorReply>(
              market.chain.organisations()[0].admin, names::contract::kActors, names::actors::kRegisterAndVerifyClient,
              as(other))) == "not_an_actor");
}

TEST_CASE("a client needs no credential, and one credential per issuer and type counts") {
    Market market;
    const auto client = new_actor();
    const auto plain = market.register_client(client).value();
    CHECK_FALSE(plain.verified());
    CHECK(plain.trust_score() == 50'000);  // 0.5 * floor 0.1
    auto actor = market.register_client(client, market.credential(client, market.issuer)).value();
    CHECK(actor.trust_score() == 400'000);
    CHECK(code_of(market.register_client(client, market.credential(client, market.issuer))) == "already_registered");
    actor = market.register_client(client, market.credential(client, market.issuer, "Member")).value();
    CHECK(actor.identifiers_size() == 2);
    CHECK(actor.trust_score() == 500'000);  // 0.8 + 0.8, capped at 1
}

TEST_CASE("registration fees go to the market, once per role") {
    Market market;
    schema::MarketSettings settings;
    settings.set_seller_fee_micro(3 * kCredit);
    settings.set_client_fee_micro(kCredit);
    settings.set_release_s(600);
    settings.set_delivery_s(600);
    settings.set_claim_s(600);
    settings.set_challenge_s(600);
    REQUIRE(market.decide({market.governed(names::contract::kMarketplace, names::marketplace::kConfigure, settings)}));
    const auto seller = new_actor();
    CHECK(code_of(market.register_seller(seller, market.credential(seller, market.issuer))) == "insufficient_funds");
    CHECK(code_of(market.actor(seller.did)) == "not_found");
    REQUIRE(market.faucet(seller, 10 * kCredit));
    market.register_seller(seller, market.credential(seller, market.issuer)).value();
    market.register_client(seller).value();
    market.register_seller(seller, market.credential(seller, market.issuer, "Member")).value();
    CHECK(market.balance(seller.did) == 6 * kCredit);
    CHECK(market.balance(names::account::kMarket) == 4 * kCredit);
}

TEST_CASE("an issuer weighs what the consortium gives it today, for those too that registered before") {
    Market market;
    const auto client = new_actor();
    REQUIRE(market.register_client(client, market.credential(client, market.issuer)).value().trust_score() == 400'000);
    REQUIRE(market.trust(market.issuer.did, 200'000, true));
    CHECK(market.actor(client.did).value().trust_score() == 100'000);
    CHECK(market.actor(client.did).value().verified());
    REQUIRE(market.trust(market.issuer.did, 800'000, false));
    CHECK(market.actor(client.did).value().trust_score() == 50'000);  // the floor
    CHECK_FALSE(market.actor(client.did).value().verified());
}

TEST_CASE("issuers are the consortium's to trust") {
    Market market;
    schema::TrustIssuerRequest request;
    request.mutable_issuer()->set_did(new_actor().did);
    request.mutable_issuer()->set_name("me");
    CHECK(code_of(market.chain.submit<schema::Issuer>(new_actor(), names::contract::kActors,
                                                      names::actors::kTrustIssuer, request)) == "governance_only");
    CHECK_FALSE(market.trust("did:web:example.com", 1, true));
    CHECK_FALSE(market.trust(new_actor().did, 1'000'001, true));
    const auto issuers = market.chain
                             .query<schema::ListIssuersReply>(market.issuer, names::contract::kActors,
                                                              names::actors::kListIssuers, schema::ListIssuersRequest{})
                             .value();
    REQUIRE(issuers.issuers_size() == 1);
    CHECK(issuers.issuers(0).did() == market.issuer.did);
}

}  // namespace fairstream::chaincode::tests
