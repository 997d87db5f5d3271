#include <catch2/catch.hpp>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;

namespace {

schema::GovernedCall mint(const Market& market, const std::string& account, std::int64_t amount) {
    schema::MintRequest request;
    request.set_account(account);
    request.set_amount_micro(amount);
    return market.governed(names::contract::kCredits, names::credits::kMint, request);
}

}  // namespace

TEST_CASE("a decision runs with the approval of a majority of organisations, once") {
    Market market;
    const auto alice = new_actor();
    const auto decision = market.decision({mint(market, alice.did, 7)});
    const auto& organisations = market.chain.organisations();
    CHECK_FALSE(market.approve(organisations[0].admin, decision)->executed());
    CHECK(market.approve(organisations[0].admin, decision)->approved_by_size() == 1);  // twice counts once
    CHECK_FALSE(market.approve(organisations[1].admin, decision)->executed());         // 2 of 4 is no majority
    CHECK(market.balance(alice.did) == 0);
    CHECK(market.approve(organisations[3].admin, decision)->executed());
    CHECK(market.balance(alice.did) == 7);

    const auto late = market.approve(organisations[2].admin, decision).value();
    CHECK(late.executed());
    CHECK(late.approved_by_size() == 3);
    CHECK(market.balance(alice.did) == 7);
    // The same calls, decided again under another nonce.
    REQUIRE(market.decide({mint(market, alice.did, 7)}));
    CHECK(market.balance(alice.did) == 14);
}

TEST_CASE("an organisation that has left since it approved does not count") {
    Market market;
    const auto alice = new_actor();
    const auto decision = market.decision({mint(market, alice.did, 7)});
    const auto& organisations = market.chain.organisations();
    REQUIRE(market.approve(organisations[3].admin, decision));
    market.chain.drop_last_organisation();
    CHECK_FALSE(market.approve(organisations[0].admin, decision).value().executed());  // 1 of 3
    CHECK(market.balance(alice.did) == 0);
    CHECK(market.approve(organisations[1].admin, decision).value().executed());
    CHECK(market.balance(alice.did) == 7);
}

TEST_CASE("only admins approve") {
    Market market;
    const auto decision = market.decision({mint(market, new_actor().did, 7)});
    CHECK(code_of(market.approve(new_actor(), decision)) == "not_a_member");
    CHECK(code_of(market.approve(market.chain.organisations()[0].node, decision)) == "wrong_role");
}

TEST_CASE("a decision whose call is refused changes nothing, and the approval does not count") {
    Market market;
    const auto alice = new_actor();
    const auto decision = market.decision({mint(market, alice.did, 7), mint(market, "nobody", 7)});
    const auto& organisations = market.chain.organisations();
    market.approve(organisations[0].admin, decision).value();
    market.approve(organisations[1].admin, decision).value();
    const auto refused = market.approve(organisations[2].admin, decision);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "bad_account");
    CHECK(refused.error().message.find("credits.Mint") == 0);
    CHECK(market.balance(alice.did) == 0);
}

TEST_CASE("decisions are bounded and cannot decide for the next one") {
    Market market;
    const auto& admin = market.chain.organisations()[0].admin;
    const auto call = mint(market, names::account::kMarket, 1);
    auto decision = market.decision({});
    CHECK(code_of(market.approve(admin, decision)) == "bad_arguments");
    decision = market.decision(std::vector<schema::GovernedCall>(65, call));
    CHECK(code_of(market.approve(admin, decision)) == "bad_arguments");
    decision = market.decision({call}, std::string(201, 't'));
    CHECK(code_of(market.approve(admin, decision)) == "bad_arguments");
    decision = market.decision({call});
    decision.set_nonce("short");
    CHECK(code_of(market.approve(admin, decision)) == "bad_arguments");
    decision = market.decision(
        {market.governed(names::contract::kGovernance, names::governance::kApprove, schema::ApproveRequest{})});
    CHECK(code_of(market.approve(admin, decision)) == "bad_arguments");
}

}  // namespace fairstream::chaincode::tests
