#include <algorithm>
#include <catch2/catch.hpp>

#include "chaincode/schema/names.hpp"
#include "chaincode/security_manager/draw.hpp"
#include "tests/chaincode/market.hpp"

namespace fairstream::chaincode::tests {

namespace names = schema::names;
using security_manager::draw;
using security_manager::storage_quorum;

namespace {

Hash block(std::uint8_t n) {
    return identity::crypto::sha256(Bytes{n});
}
const std::vector<std::string> kFive = {"a", "b", "c", "d", "e"};

}  // namespace

TEST_CASE("the draw is a function of block, stream and operators alone") {
    const auto drawn = draw(block(1), "stream", kFive);
    CHECK(drawn.size() == 3);
    CHECK(draw(block(1), "stream", kFive) == drawn);
    auto shuffled = kFive;
    std::reverse(shuffled.begin(), shuffled.end());
    CHECK(draw(block(1), "stream", shuffled) == drawn);

    int other_blocks = 0;
    int other_streams = 0;
    for (std::uint8_t n = 2; n < 22; ++n) {
        if (draw(block(n), "stream", kFive) != drawn) ++other_blocks;
        if (draw(block(1), "stream" + std::to_string(n), kFive) != drawn) ++other_streams;
    }
    CHECK(other_blocks > 15);
    CHECK(other_streams > 15);
}

TEST_CASE("when an operator leaves, the others that were drawn stay drawn") {
    const auto drawn = draw(block(1), "stream", kFive);
    for (const auto& gone : kFive) {
        auto rest = kFive;
        std::erase(rest, gone);
        const auto again = draw(block(1), "stream", rest);
        for (const auto& name : drawn)
            if (name != gone) CHECK(std::find(again.begin(), again.end(), name) != again.end());
    }
}

TEST_CASE("fewer operators than replicas: all are drawn, and the quorum fits") {
    CHECK(draw(block(1), "stream", {"a", "b"}).size() == 2);
    CHECK(draw(block(1), "stream", {}).empty());
    CHECK(storage_quorum(1) == 1);
    CHECK(storage_quorum(2) == 2);
    CHECK(storage_quorum(3) == 2);
}

TEST_CASE("the ledger draws from the block after the one that holds the request") {
    Market market;
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto token = market.upload_token(seller, offer.id()).value();
    const auto requested_in = market.chain.height();
    for (int i = 0; i < 3; ++i) market.chain.commit({});
    const auto drawn = market.draw(token.grant()).value();
    const auto expected =
        draw(market.chain.block_hash(requested_in + 1), offer.stream_id(), {"op1", "op2", "op3", "op4"});
    CHECK(std::vector<std::string>(drawn.grant().operators().begin(), drawn.grant().operators().end()) == expected);

    schema::GetPlacementRequest request;
    request.set_stream_id(offer.stream_id());
    const auto placement = market.chain
                               .query<schema::Placement>(seller, names::contract::kSecurityManager,
                                                         names::security_manager::kGetPlacement, request)
                               .value();
    CHECK(placement.drawn_from_block() == requested_in + 1);
    CHECK(placement.quorum() == 2);
    CHECK(placement.writer() == seller.did);
}

TEST_CASE(
    "an older grant that is drawn late does not bring back its key as the writer's, and a revoked one is not drawn") {
    Market market;
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto token_for = [&](const Who& holder) {
        schema::RequestUploadTokenRequest request;
        request.set_offer(offer.id());
        request.set_public_key(rules::as_field(holder.key.public_key().compressed()));
        return market.chain
            .submit<schema::RequestUploadTokenReply>(seller, names::contract::kMarketplace,
                                                     names::marketplace::kRequestUploadToken, request)
            .value()
            .grant();
    };
    const auto stolen = token_for(new_actor());
    const auto revoked = token_for(new_actor());
    const auto fresh = new_actor();
    const auto newest = token_for(fresh);
    market.chain.commit({});
    schema::RevokeGrantRequest revoke;
    revoke.set_grant(revoked);
    REQUIRE(market.chain.submit<schema::GrantReply>(seller, names::contract::kSecurityManager,
                                                    names::security_manager::kRevokeGrant, revoke));
    CHECK(code_of(market.draw(revoked)) == "revoked");
    REQUIRE(market.draw(newest));
    REQUIRE(market.draw(stolen));
    schema::GetPlacementRequest request;
    request.set_stream_id(offer.stream_id());
    const auto placement = market.chain.query<schema::Placement>(seller, names::contract::kSecurityManager,
                                                                 names::security_manager::kGetPlacement, request);
    CHECK(placement.value().writer_key() == rules::as_field(fresh.key.public_key().compressed()));
}

TEST_CASE("operators that are not active are not drawn") {
    Market market;
    std::vector<schema::GovernedCall> calls;
    for (const auto* const name : {"op2", "op3", "op4"}) {
        schema::RegisterOperatorRequest request;
        request.mutable_operator_()->set_name(name);
        request.mutable_operator_()->set_organisation("org1");
        request.mutable_operator_()->set_did(market.operators[name].did);
        request.mutable_operator_()->set_active(false);
        calls.push_back(
            market.governed(names::contract::kSecurityManager, names::security_manager::kRegisterOperator, request));
    }
    REQUIRE(market.decide(calls));
    const auto seller = market.verified_seller();
    const auto offer = market.create_offer(seller, kCredit).value();
    const auto stored = market.sell(seller, offer, 1);  // one operator, quorum one
    CHECK(stored.drawn == std::vector<std::string>{"op1"});
}

}  // namespace fairstream::chaincode::tests
