// A network whose custodians have no time to release a key: what was paid comes back without anyone asking.
#include <catch2/catch.hpp>

#include "base/net/http.hpp"
#include "chaincode/schema/governance.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "identity/msp/certificate.hpp"
#include "ledger/client/client.hpp"
#include "marketplace_dapp/client/profile.hpp"
#include "tests/network/consortium.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace names = chaincode::schema::names;
namespace schema = chaincode::schema;

namespace {

ledger::client::Identity admin_of(const fs::path& organisation) {
    auto key = identity::crypto::SigningKey::load(organisation / "admin/admin.key");
    REQUIRE(key);
    auto certificate = identity::msp::MemberCertificate::from_pem(read_all(organisation / "admin/admin.pem"));
    REQUIRE(certificate);
    return {.key = std::move(*key), .did = {}, .certificate = std::move(certificate->der)};
}

/// The consortium decides that every deadline is a second after the one before.
void hurry(const fs::path& network) {
    schema::MarketSettings settings;
    settings.set_release_s(1);
    settings.set_delivery_s(1);
    settings.set_claim_s(1);
    settings.set_challenge_s(1);
    schema::ApproveRequest request;
    request.mutable_decision()->set_title("Hurry");
    request.mutable_decision()->set_nonce(std::string(16, 'h'));
    auto& call = *request.mutable_decision()->add_calls();
    call.set_contract(names::contract::kMarketplace);
    call.set_function(names::marketplace::kConfigure);
    call.set_arguments(settings.SerializeAsString());
    const auto profile = marketplace_dapp::client::Profile::load(network);
    REQUIRE(profile);
    base::net::Loop loop;
    loop.start();
    ledger::client::Client client(loop, profile->ledger_options());
    const auto reply = ledger::client::submit<schema::ApproveReply>(
        client, admin_of(network / "org1"), names::contract::kGovernance, names::governance::kApprove, request);
    INFO((reply ? "" : reply.error().message));
    REQUIRE(reply);
    REQUIRE(reply->executed());
}

}  // namespace

TEST_CASE("a purchase whose keys never come is refunded by the DApp") {
    const Consortium net;
    net.up({"--orgs", "1", "--operators", "1"});
    net.seller("acme");
    const auto bob = net.client("bob");
    const auto offer = net.offer("acme", "factory/boiler", "1000000");
    write_all(net.file("in"), "1\n2\n");
    net.ok({"upload", net.file("in").string(), "--as", "acme", "--offer", offer});
    hurry(net.dir() / "net");
    const auto before = net.balance(bob);
    const auto purchase = net.ok({"buy", offer, "--as", "bob"}).text("purchase");
    const auto url = std::string(net.ok({"network", "status"}).json().at("dapp").at("url").as_string());
    base::net::HttpClient http(read_all(net.dir() / "net/public/roots.pem"));
    wait_until(
        "the refund",
        [&] {
            const auto now = http.request("GET", url + "/api/v1/purchases/" + purchase, {}, "", 10s);
            return now && now->status == 200 &&
                   boost::json::parse(now->body).at("state").as_string() == std::string_view("refunded");
        },
        120s);
    CHECK(net.balance(bob) == before);
    net.check_conserved();
}
