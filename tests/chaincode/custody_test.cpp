#include <catch2/catch.hpp>
#include <chrono>

#include "chaincode/schema/names.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
using namespace std::chrono_literals;

namespace {

struct Sale {
    Market market;
    Who seller = market.verified_seller();
    Who buyer = market.client_with(100 * kCredit);
    schema::Offer offer = market.create_offer(seller, kCredit).value();
    Market::Stored stored = market.sell(seller, offer, 2);
    schema::Purchase purchase = market.buy(buyer, offer).value();
    const Chain::Organisation& organisation(std::size_t i) const { return market.chain.organisations()[i]; }
};

/// A sound dealing of a fresh key, not told to the ledger.
std::pair<schema::DealRequest, schema::SharePackage> dealing_for(const Market& market, const Who& seller,
                                                                 const schema::Offer& offer, std::uint32_t key_epoch) {
    identity::crypto::custody::DealContext context{.network = market.chain.name(),
                                                   .stream = offer.stream_id(),
                                                   .key_epoch = key_epoch,
                                                   .seller = seller.did,
                                                   .roster = {},
                                                   .threshold = 3};
    for (const auto& organisation : market.chain.organisations())
        context.roster.emplace_back(organisation.name, organisation.custodian.public_key().compressed());
    const auto dealt = identity::crypto::custody::deal(context).value();
    schema::DealRequest request;
    request.set_stream_id(offer.stream_id());
    request.set_key_epoch(key_epoch);
    for (const auto& commitment : dealt.dealing.commitments) request.add_commitments(rules::as_field(commitment));
    request.set_key_check_value(rules::as_field(dealt.dealing.key_check_value));
    schema::SharePackage package;
    for (const auto& share : dealt.dealing.shares) {
        package.add_y(rules::as_field(share.y));
        package.add_challenge(rules::as_field(share.challenge));
        package.add_response(rules::as_field(share.response));
    }
    return {request, package};
}

}  // namespace

TEST_CASE("only a stream's seller deals its key, once per key epoch") {
    Market market;
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    CHECK(code_of(market.deal(market.verified_seller(), offer.stream_id(), 1)) == "not_seller");
    CHECK(code_of(market.deal(seller, "did:key:nobody/x/1", 1)) == "not_found");
    CHECK(market.deal(seller, offer.stream_id(), 1));
    CHECK(code_of(market.deal(seller, offer.stream_id(), 1)) == "already_dealt");
    CHECK(market.deal(seller, offer.stream_id(), 2));
}

TEST_CASE("a dealing is refused unless every custodian's share is proven") {
    Market market;
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    auto [request, package] = dealing_for(market, seller, offer, 2);
    const auto attempt = [&](const schema::SharePackage& shares) {
        return code_of(market.chain.submit<schema::DealingRecord>(
            seller, names::contract::kCustody, names::custody::kDeal, request, ledger::proto::encode(shares)));
    };
    request.set_key_epoch(1);  // the proofs are bound to key epoch 2
    CHECK(attempt(package) == "bad_proof");
    request.set_key_epoch(2);
    auto swapped = package;
    swapped.mutable_y()->SwapElements(0, 1);
    CHECK(attempt(swapped) == "bad_proof");
    auto fewer = package;
    fewer.mutable_y()->RemoveLast();
    CHECK(attempt(fewer) == "bad_dealing");
    auto off_curve = package;
    off_curve.set_y(0, std::string(33, '\x05'));
    CHECK(attempt(off_curve) == "bad_point");
    CHECK(attempt(schema::SharePackage{}) == "private_input_missing");
    CHECK(attempt(package) == "ok");
}

TEST_CASE("the dealt shares are nowhere in the transaction") {
    Market market;
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto [request, package] = dealing_for(market, seller, offer, 1);
    const auto transaction = market.chain
                                 .endorse(seller, names::contract::kCustody, names::custody::kDeal,
                                          ledger::proto::encode(request), ledger::proto::encode(package))
                                 .value()
                                 .SerializeAsString();
    CHECK(transaction.find(request.commitments(0)) != std::string::npos);
    for (const auto& y : package.y()) CHECK(transaction.find(y) == std::string::npos);
}

TEST_CASE("a custodian releases its own share, provably, once") {
    Sale sale;
    auto& market = sale.market;
    const auto request = market.prepare_release(0, sale.purchase.id());
    CHECK(code_of(market.release(sale.seller, request)) == "not_a_member");
    CHECK(code_of(market.release(sale.organisation(0).admin, request)) == "wrong_role");
    CHECK(code_of(market.release(sale.organisation(1).node, request)) == "bad_proof");  // another's share
    auto forged = request;
    forged.mutable_s()->back() = static_cast<char>(forged.s().back() ^ 1);
    CHECK(code_of(market.release(sale.organisation(0).node, forged)) == "bad_proof");
    forged = request;
    forged.set_b(forged.a());
    CHECK(code_of(market.release(sale.organisation(0).node, forged)) == "bad_proof");
    forged = request;
    forged.set_a(std::string(33, '\x05'));
    CHECK(code_of(market.release(sale.organisation(0).node, forged)) == "bad_point");
    forged = request;
    forged.set_c("short");
    CHECK(code_of(market.release(sale.organisation(0).node, forged)) == "bad_arguments");

    CHECK(market.release(sale.organisation(0).node, request)->index() == 1);
    CHECK(code_of(market.release(sale.organisation(0).node, request)) == "already_released");
}

TEST_CASE("a release for one purchase does not serve another") {
    Sale sale;
    auto& market = sale.market;
    const auto other = market.buy(sale.buyer, sale.offer, "request-0000000002").value();
    auto request = market.prepare_release(0, sale.purchase.id());
    request.set_purchase(other.id());
    CHECK(code_of(market.release(sale.organisation(0).node, request)) == "bad_proof");
    request.set_purchase(std::string(32, '0'));
    CHECK(code_of(market.release(sale.organisation(0).node, request)) == "not_found");
}

TEST_CASE("all custodians may release in one block") {
    Sale sale;
    auto& chain = sale.market.chain;
    std::vector<ledger::proto::Transaction> releases;
    for (std::size_t i = 0; i < 4; ++i)
        releases.push_back(chain
                               .endorse(sale.organisation(i).node, names::contract::kCustody, names::custody::kRelease,
                                        ledger::proto::encode(sale.market.prepare_release(i, sale.purchase.id())))
                               .value());
    for (const auto code : chain.commit(releases)) CHECK(code == ledger::proto::VALID);
    CHECK(sale.market.purchase(sale.purchase.id())->state() == schema::RELEASED);
}

TEST_CASE("a release task is for the custodian's nodes, and wanted until three minutes before the deadline") {
    Sale sale;
    auto& market = sale.market;
    schema::GetReleaseTaskRequest request;
    request.set_purchase(sale.purchase.id());
    const auto task_as = [&](const Who& who) {
        return market.chain.query<schema::ReleaseTask>(who, names::contract::kCustody, names::custody::kGetReleaseTask,
                                                       request);
    };
    CHECK(code_of(task_as(sale.buyer)) == "not_a_member");
    CHECK(code_of(task_as(sale.organisation(0).observer)) == "wrong_role");
    const auto task = task_as(sale.organisation(1).node).value();
    CHECK(task.wanted());
    CHECK(task.index() == 2);
    CHECK(task.buyer() == sale.buyer.did);
    CHECK(task.release_before_us() == sale.purchase.deadlines().release_us());
    market.release(1, sale.purchase.id()).value();
    CHECK_FALSE(task_as(sale.organisation(1).node)->wanted());
    market.chain.advance(7min - 1s);
    CHECK(task_as(sale.organisation(0).node)->wanted());
    market.chain.advance(2s);
    CHECK_FALSE(task_as(sale.organisation(0).node)->wanted());
}

}  // namespace fairstream::chaincode::tests
