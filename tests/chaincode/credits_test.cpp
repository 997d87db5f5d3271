#include <catch2/catch.hpp>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
namespace proto = ledger::proto;

namespace {

schema::TransferRequest transfer(const std::string& to, std::int64_t amount) {
    schema::TransferRequest request;
    request.set_to(to);
    request.set_amount_micro(amount);
    return request;
}

std::string send(Market& market, const Who& from, const schema::TransferRequest& request) {
    return code_of(
        market.chain.submit<schema::Empty>(from, names::contract::kCredits, names::credits::kTransfer, request));
}

}  // namespace

TEST_CASE("credits move from account to account and never below zero") {
    Market market;
    const auto alice = new_actor();
    const auto bob = new_actor();
    REQUIRE(market.faucet(alice, 5 * kCredit));
    CHECK(send(market, alice, transfer(bob.did, 2 * kCredit)) == "ok");
    CHECK(market.balance(alice.did) == 3 * kCredit);
    CHECK(market.balance(bob.did) == 2 * kCredit);
    CHECK(market.balance(names::account::kFaucet) == kFaucetSupply - 5 * kCredit);
    CHECK(send(market, alice, transfer(bob.did, 3 * kCredit + 1)) == "insufficient_funds");
    CHECK(send(market, alice, transfer(bob.did, 0)) == "bad_arguments");
    CHECK(send(market, alice, transfer(bob.did, -1)) == "bad_arguments");
    CHECK(send(market, alice, transfer(bob.did, INT64_MAX)) == "bad_arguments");
    CHECK(send(market, alice, transfer(alice.did, 1)) == "same_account");
}

TEST_CASE("credits are sent only to what can hold them") {
    Market market;
    const auto alice = new_actor();
    REQUIRE(market.faucet(alice, 5 * kCredit));
    CHECK(send(market, alice, transfer("bob", 1)) == "bad_account");
    CHECK(send(market, alice, transfer("did:key:zDnaeMistyped", 1)) == "bad_account");
    CHECK(send(market, alice, transfer("org:org1", 1)) == "bad_account");
    CHECK(send(market, alice, transfer("org:org1/admin", 1)) == "ok");
    // An organisation's member spends from its own account.
    CHECK(send(market, market.chain.organisations()[0].admin, transfer(alice.did, 1)) == "ok");
    CHECK(send(market, market.chain.organisations()[1].admin, transfer(alice.did, 1)) == "insufficient_funds");
}

TEST_CASE("only a decision makes credits, and the faucet gives at most 1,000 a call") {
    Market market;
    const auto alice = new_actor();
    schema::MintRequest mint;
    mint.set_account(alice.did);
    mint.set_amount_micro(kCredit);
    CHECK(code_of(market.chain.submit<schema::Empty>(alice, names::contract::kCredits, names::credits::kMint, mint)) ==
          "governance_only");
    CHECK(code_of(market.chain.submit<schema::Empty>(market.chain.organisations()[0].admin, names::contract::kCredits,
                                                     names::credits::kMint, mint)) == "governance_only");
    CHECK_FALSE(market.faucet(alice, 1'000 * kCredit + 1));
    CHECK(market.faucet(alice, 1'000 * kCredit));
    CHECK_FALSE(market.faucet(market.chain.organisations()[0].admin, 1));
}

TEST_CASE("escrow is for contracts only, and governance cannot spend for its last signer") {
    Market market;
    const auto alice = market.client_with(10 * kCredit);
    schema::HoldRequest hold;
    hold.set_escrow("e");
    hold.set_amount_micro(1);
    CHECK(code_of(market.chain.submit<schema::Empty>(alice, names::contract::kCredits, names::credits::kHold, hold)) ==
          "contract_only");
    schema::PayRequest pay;
    pay.set_escrow("e");
    pay.set_to(alice.did);
    pay.set_amount_micro(1);
    CHECK(code_of(market.chain.submit<schema::Empty>(alice, names::contract::kCredits, names::credits::kPay, pay)) ==
          "contract_only");
    CHECK(code_of(market.decide({market.governed(names::contract::kCredits, names::credits::kHold, hold)})) ==
          "contract_only");
    CHECK(code_of(market.decide({market.governed(names::contract::kCredits, names::credits::kTransfer,
                                                 transfer(alice.did, 1))})) == "contract_only");
}

TEST_CASE("a hot account: fifty payments to it in one block are all valid") {
    Market market;
    const auto popular = new_actor();
    std::vector<proto::Transaction> payments;
    for (int i = 0; i < 50; ++i) {
        const auto payer = new_actor();
        REQUIRE(market.faucet(payer, kCredit));
        payments.push_back(market.chain
                               .endorse(payer, names::contract::kCredits, names::credits::kTransfer,
                                        ledger::proto::encode(transfer(popular.did, kCredit)))
                               .value());
    }
    for (const auto code : market.chain.commit(payments)) CHECK(code == proto::VALID);
    CHECK(market.balance(popular.did) == 50 * kCredit);
}

TEST_CASE("spending the same credits twice in one block works once") {
    Market market;
    const auto alice = new_actor();
    const auto bob = new_actor();
    const auto carol = new_actor();
    REQUIRE(market.faucet(alice, kCredit));
    const auto pay = [&](const Who& to) {
        return market.chain
            .endorse(alice, names::contract::kCredits, names::credits::kTransfer,
                     ledger::proto::encode(transfer(to.did, kCredit)))
            .value();
    };
    const auto codes = market.chain.commit({pay(bob), pay(carol)});
    CHECK(codes[0] == proto::VALID);
    CHECK(codes[1] == proto::DELTA_OUT_OF_BOUNDS);
    CHECK(market.balance(bob.did) == kCredit);
    CHECK(market.balance(carol.did) == 0);
}

TEST_CASE("functions that do not exist and arguments that do not parse are refused") {
    Market market;
    const auto alice = new_actor();
    CHECK(code_of(market.chain.submit(alice, names::contract::kCredits, "Print", {})) == "unknown_function");
    CHECK(code_of(market.chain.submit(alice, "treasury", "Mint", {})) == "unknown_contract");
    CHECK(code_of(market.chain.submit(alice, names::contract::kCredits, names::credits::kTransfer,
                                      as_bytes("\xff\xff\xff"))) == "bad_arguments");
}

}  // namespace fairstream::chaincode::tests
