#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <optional>
#include <set>
#include <sstream>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/net/http.hpp"
#include "identity/credential/presentation.hpp"
#include "identity/crypto/keys.hpp"
#include "identity/did/did_key.hpp"
#include "tests/marketplace_dapp/rest_client.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace json = boost::json;
using identity::crypto::SigningKey;

namespace {

/// The data of each server-sent event, and the reason of the last.
struct Heard {
    std::vector<json::value> events;
    std::vector<std::string> ids;
    std::string ended;
};
Heard heard(const std::string& body) {
    Heard out;
    std::istringstream lines(body);
    std::string type, id;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("id: ")) id = line.substr(4);
        if (line.starts_with("event: ")) type = line.substr(7);
        if (!line.starts_with("data: ")) continue;
        const auto data = json::parse(line.substr(6));
        if (type == "end") {
            out.ended = data.at("reason").as_string();
        } else {
            out.events.push_back(data);
            out.ids.push_back(id);
        }
    }
    return out;
}

std::string public_key(const SigningKey& key) {
    return base::to_base64(key.public_key().compressed());
}

}  // namespace

TEST_CASE("every operation of the description is there, and trades by REST commit") {
    Dapp dapp;
    const auto key = SigningKey::generate();
    const auto did = identity::did::did_from_key(key.public_key());

    const auto registered =
        dapp.submit(key, "actors", "RegisterAndVerifyClient", {{"did", did}, {"public_key", public_key(key)}});
    CHECK(registered.at("response").at("actor").at("client").as_bool());
    const auto funded = dapp.submit(key, "credits", "Faucet", {{"amount_micro", 5'000'000}});
    const auto seller = dapp.net().seller("acme");
    const auto offer = dapp.net().offer("acme", "factory/boiler", "1000000");
    wait_until("the offer", [&] { return dapp.get("/api/v1/offers", 200).at("offers").as_array().size() == 1; });

    const auto block = std::to_string(funded.at("block").as_int64());
    const std::string v1 = "/api/v1/";
    CHECK(dapp.get(v1 + "offers/" + offer, 200).at("seller").as_string() == seller);
    CHECK(dapp.get(v1 + "accounts/" + did + "/balance", 200).at("balance_micro").as_int64() == 5'000'000);
    CHECK(dapp.get(v1 + "accounts/" + did + "/transfers", 200).at("transfers").at(0).at("to").as_string() == did);
    CHECK(dapp.get(v1 + "actors/" + seller, 200).at("verified").as_bool());
    CHECK(dapp.get(v1 + "actors?role=seller&verified=true", 200).at("actors").as_array().size() == 1);
    CHECK(dapp.get(v1 + "operators", 200).at("operators").as_array().size() == 1);
    CHECK(dapp.get(v1 + "blocks/" + block, 200).at("transactions").as_array().size() == 1);
    CHECK(dapp.get(v1 + "blocks?limit=1", 200).as_object().contains("next"));
    const auto transaction = dapp.get(v1 + "transactions/" + std::string(funded.at("id").as_string()), 200);
    CHECK(transaction.at("code").as_string() == "valid");
    CHECK(transaction.at("creator").as_string() == did);
    CHECK(transaction.at("events").at(0).at("payload").at("to").as_string() == did);
    CHECK(transaction.at("events").at(0).at("payload").at("amount_micro").as_int64() == 5'000'000);
    CHECK(dapp.get(v1 + "transactions?function=Faucet&creator=" + did, 200).at("transactions").as_array().size() == 1);
    CHECK(dapp.get("/1.0/identifiers/" + did, 200).at("didDocument").at("id").as_string() == did);
    const auto health = dapp.get("/healthz", 200);
    CHECK(health.at("live").as_bool());
    CHECK(health.at("ready").as_bool());
    CHECK(health.at("behind").as_int64() == health.at("sealed_height").as_int64() - health.at("height").as_int64());
    dapp.get("/livez", 204);
    CHECK(std::string(dapp.get("/metrics", 200).as_string()).find("fairstream_read_model_height") != std::string::npos);

    write_all(dapp.net().file("readings"), "1\n2\n");
    dapp.net().ok({"upload", dapp.net().file("readings").string(), "--as", "acme", "--offer", offer});
    const auto bob = dapp.net().client("bob");
    const auto purchase = dapp.net().ok({"buy", offer, "--as", "bob"}).text("purchase");
    const auto of_purchase = v1 + "purchases/" + purchase;
    wait_until("the keys' release", [&] {
        const auto now = dapp.request("GET", of_purchase, "", std::nullopt);
        return now.as_object().contains("state") && now.at("state").as_string() == "released";
    });
    const auto bought = dapp.get(of_purchase, 200);
    CHECK(bought.at("offer").as_string() == offer);
    CHECK(dapp.get(v1 + "offers/" + offer + "/batches", 200).at("batches").at(0) == bought.at("batch"));
    wait_until("the operator's report",
               [&] { return !dapp.get(v1 + "offers/" + offer + "/storage", 200).at("marks").as_array().empty(); });
    CHECK(dapp.get(v1 + "offers/" + offer + "/storage", 200).at("marks").at(0).at("through").as_int64() > 0);
    CHECK(dapp.get(v1 + "offers/" + offer + "/key-epochs", 200).at("key_epochs").as_array().empty());
    CHECK(dapp.get(v1 + "purchases?state=released&buyer=" + bob, 200).at("purchases").as_array().size() == 1);
    CHECK(dapp.get(v1 + "purchases?seller=" + bob, 200).at("purchases").as_array().empty());
    const auto releases = dapp.get(of_purchase + "/releases", 200);
    CHECK(releases.at("enough").as_bool());
    CHECK(releases.at("dealing").at("stream") == bought.at("stream"));
    const auto grant = dapp.get(v1 + "grants/" + std::string(bought.at("grant").as_string()), 200);
    CHECK(grant.at("purchase").as_string() == purchase);
    const auto asked = dapp.post(
        v1 + "queries:evaluate",
        {{"contract", "marketplace"}, {"function", "GetPurchase"}, {"arguments", {{"purchase", purchase}}}}, 200);
    CHECK(asked.at("response").at("purchase").at("id").as_string() == purchase);

    // The stream of a purchase ends by itself once the buyer has all of it.
    auto following = std::async(std::launch::async, [&] {
        base::net::HttpClient http(read_all(dapp.net().dir() / "net/public/roots.pem"));
        return http.request("GET", dapp.url() + of_purchase + "/events", {}, "", 120s);
    });
    dapp.net().ok({"fetch", purchase, "--as", "bob", "-o", dapp.net().file("out").string()});
    const auto followed = following.get();
    REQUIRE(followed);
    INFO(followed->status << " " << followed->body);
    const auto told = heard(followed->body);
    REQUIRE(told.ended == "final");
    CHECK(told.events.back().at("data").at("state").as_string() == "settled");
    const auto last = told.ids.back();
    CHECK(heard(std::string(dapp.get(of_purchase + "/events", 200).as_string())).ended == "final");
    dapp.request("GET", of_purchase + "/events", "", 204, {{"last-event-id", last}});
    CHECK(dapp.get(v1 + "events?subject=" + purchase + "&limit=1", 200).at("events").at(0).at("type").as_string() ==
          "fairstream.marketplace.PurchaseMade");

    CHECK(dapp.called() == dapp.described());
}

TEST_CASE("a query that a client signs is asked under its own name, and a private input travels beside the proposal") {
    Dapp dapp;
    const auto key = SigningKey::generate();
    const auto did = identity::did::did_from_key(key.public_key());
    const auto prepared = dapp.prepare(key, "credits", "Balance", {{"account", "faucet"}});
    CHECK(prepared.at("fields").at("intent").as_int64() == 2);
    CHECK(dapp.post("/api/v1/queries:evaluate", Dapp::sign(key, prepared), 200)
              .at("response")
              .at("account")
              .as_string() == "faucet");
    CHECK(dapp.post("/api/v1/transactions:submit", Dapp::sign(key, prepared), 400).at("code").as_string() ==
          "bad_request");
    auto forged = Dapp::sign(key, prepared);
    forged.at("signature") = base::to_base64url(Bytes(64, 1));
    dapp.post("/api/v1/queries:evaluate", forged, 422);

    const auto issued = dapp.net().ok({"credential", "issue", "--as", "issuer1", "--subject", did}).text("credential");
    const auto presentation =
        identity::credential::present(key, issued, "fairstream-local", "a-request", base::wall_now()).value();
    const auto secret = dapp.post("/api/v1/transactions:prepare",
                                  {{"contract", "actors"},
                                   {"function", "RegisterAndVerifyClient"},
                                   {"arguments", {{"did", did}, {"public_key", public_key(key)}}},
                                   {"creator", did},
                                   {"private_inputs", presentation}},
                                  200);
    auto body = Dapp::sign(key, secret).as_object();
    body["salt"] = secret.at("salt");
    body["private_inputs"] = secret.at("private_inputs");
    const auto registered = dapp.post("/api/v1/transactions:submit", body, 200);
    CHECK(registered.at("response").at("actor").at("verified").as_bool());
}

TEST_CASE("a transaction sent twice commits once and is answered the same") {
    Dapp dapp;
    const auto key = SigningKey::generate();
    const auto did = identity::did::did_from_key(key.public_key());
    const auto prepared = dapp.prepare(key, "credits", "Faucet", {{"amount_micro", 7}});
    const auto body = Dapp::sign(key, prepared);
    const std::map<std::string, std::string> idempotent{{"idempotency-key", "a-key"}};
    const auto first = dapp.post("/api/v1/transactions:submit", body, 200, idempotent);
    CHECK(dapp.post("/api/v1/transactions:submit", body, 200, idempotent) == first);
    CHECK(dapp.post("/api/v1/transactions:submit", body, 200) == first);
    const auto other = Dapp::sign(key, dapp.prepare(key, "credits", "Faucet", {{"amount_micro", 7}}));
    CHECK(dapp.post("/api/v1/transactions:submit", other, 422, idempotent).at("code").as_string() ==
          "idempotency_key_reused");
    dapp.wait_for_height(first.at("block").as_int64());
    CHECK(dapp.get("/api/v1/accounts/" + did + "/balance", 200).at("balance_micro").as_int64() == 7);
}

TEST_CASE("what a client may not do, or says wrongly, is refused with a problem document") {
    Dapp dapp;
    const auto key = SigningKey::generate();
    const auto did = identity::did::did_from_key(key.public_key());
    const std::string prepare = "/api/v1/transactions:prepare", submit = "/api/v1/transactions:submit";

    SECTION("preparing") {
        CHECK(dapp.request("POST", prepare, "[]", 400).at("code").as_string() == "bad_request");
        CHECK(dapp.request("POST", prepare, std::string(1000, '['), 400).at("code").as_string() == "bad_request");
        const auto with = [&](const char* member, const json::value& value) {
            json::object body{{"contract", "credits"},
                              {"function", "Faucet"},
                              {"creator", did},
                              {"arguments", {{"amount_micro", 1}}}};
            body[member] = value;
            return body;
        };
        dapp.post(prepare, with("creator", "did:key:zNobody"), 400);
        dapp.post(prepare, with("private_key", "x"), 400);
        dapp.post(prepare, with("private_hash", "AAAA"), 400);
        CHECK(dapp.post(prepare, with("private_inputs", "x"), 422).at("code").as_string() == "bad_arguments");
        CHECK(dapp.post(prepare, with("function", "Mint"), 422).at("code").as_string() == "unknown_function");
        CHECK(dapp.post(prepare, with("arguments", {{"amount", 1}}), 422).at("code").as_string() == "bad_arguments");
    }
    SECTION("submitting") {
        auto body = Dapp::sign(key, dapp.prepare(key, "credits", "Faucet", {{"amount_micro", 1}}));
        auto forged = body;
        forged.at("signature") = base::to_base64url(Bytes(64, 1));
        dapp.post(submit, forged, 422);
        auto padded = body;
        padded.at("signature") = "====";
        dapp.post(submit, padded, 400);
        dapp.post(submit, json::object{{"proposal", "AAAA"}}, 400);
        const auto greedy = Dapp::sign(key, dapp.prepare(key, "credits", "Faucet", {{"amount_micro", 2'000'000'000}}));
        CHECK(dapp.post(submit, greedy, 422).at("retryable").as_bool() == false);
    }
    SECTION("asking the ledger") {
        const auto ask = [&](const json::value& body, int status) {
            return std::string(dapp.post("/api/v1/queries:evaluate", body, status).at("code").as_string());
        };
        CHECK(ask({{"contract", "credits"}, {"function", "Faucet"}, {"arguments", json::object{}}}, 422) ==
              "not_a_query");
        CHECK(ask({{"contract", "credits"}, {"function", "Audit"}, {"arguments", json::object{}}}, 422) ==
              "unknown_function");
        CHECK(ask({{"contract", "credits"}}, 400) == "bad_request");
        dapp.get("/api/v1/grants/nothing", 404);
        dapp.get("/api/v1/grants/" + std::string(32, '0'), 404);
        dapp.get("/api/v1/purchases/" + std::string(32, '0') + "/releases", 404);
        dapp.get("/api/v1/purchases/" + std::string(32, '0') + "/releases?key_epoch=0", 400);
    }
    SECTION("reading") {
        dapp.get("/api/v1/offers/not-an-offer", 404);
        dapp.get("/api/v1/offers?limit=201", 400);
        dapp.get("/nowhere", 404);
        dapp.get("/1.0/identifiers/did:web:example.org", 501);
        dapp.get("/1.0/identifiers/did:key:zNobody", 400);
        CHECK(dapp.request("DELETE", "/api/v1/offers", "", 405).at("code").as_string() == "method_not_allowed");
    }
}
