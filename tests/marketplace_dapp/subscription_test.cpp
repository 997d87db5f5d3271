#include "marketplace_dapp/client/subscription.hpp"

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.hpp"

using namespace fairstream;
using namespace fairstream::marketplace_dapp;
using namespace std::chrono_literals;

TEST_CASE("what a subscription refuses before it asks anybody") {
    const tests::TemporaryFolder folder;
    base::net::Loop loop;
    client::Profile profile;
    profile.gateways = {{.address = {"127.0.0.1", 1}, .server_name = "nobody"}};  // never reached
    client::Connection connection(loop, profile);
    const ledger::client::Identity buyer{identity::crypto::SigningKey::generate(), "did:key:buyer", {}};
    chaincode::schema::Purchase purchase;
    purchase.set_id("p1");
    purchase.set_buyer(buyer.did);
    purchase.mutable_window()->set_count(1);
    const auto refusal = [&](std::chrono::milliseconds operator_timeout) {
        client::Subscription subscription(connection, buyer,
                                          {.state = folder.path(), .stop = {}, .operator_timeout = operator_timeout});
        return subscription.read(purchase, {}).error().code;
    };
    CHECK(refusal(99ms) == "bad_options");
    purchase.set_buyer("did:key:another");
    CHECK(refusal(100ms) == "not_buyer");
    purchase.set_buyer(buyer.did);
    purchase.clear_window();
    CHECK(refusal(100ms) == "not_a_stream");
}
