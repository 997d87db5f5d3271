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
#include "tests/marketplace_dapp/openapi_check.hpp"
#include "tests/network/consortium.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace json = boost::json;
using identity::crypto::SigningKey;

namespace {

/// The DApp of a network of one organisation, asked as any client would; keeps account of which operations it did.
class Dapp {
public:
    Dapp() {
        net_.up({"--orgs", "1", "--operators", "1"});
        url_ = net_.ok({"network", "status"}).json().at("dapp").at("url").as_string().c_str();
        http_ = std::make_unique<base::net::HttpClient>(read_all(net_.dir() / "net/public/roots.pem"));
        const auto description = http_->request("GET", url_ + "/openapi.json", {}, "", 30s);
        REQUIRE(description);
        check_.emplace(json::parse(description->body));
        get("/openapi.json", 200);
    }

    /// Every answer is held to the description.
    json::value request(const std::string& method, const std::string& target, const std::string& body,
                        std::optional<int> status, const std::map<std::string, std::string>& headers = {}) {
        const auto response = http_->request(method, url_ + target, headers, body, 30s);
        INFO(method << " " << target << (response ? response->body : response.error().message));
        REQUIRE(response);
        if (status) CHECK(response->status == *status);
        if (response->status == 204) {
            called_.insert(check_->operation(method, target));
            return nullptr;
        }
        const auto type = response->headers.at("content-type");
        const bool is_json = type.find("json") != std::string::npos;
        const auto value = is_json ? json::parse(response->body) : json::value(json::string(response->body));
        const auto path = target.substr(0, target.find('?'));
        if (const auto operation = check_->operation(method, path); !operation.empty()) {
            for (const auto& fault : check_->faults(method, path, response->status, type, value)) FAIL_CHECK(fault);
            if (response->status == 200) called_.insert(operation);
        }
        if (response->status < 300) return value;
        CHECK(type == "application/problem+json");
        CHECK(value.at("status").as_int64() == response->status);
        CHECK(value.as_object().contains("retryable"));
        return value;
    }
    json::value get(const std::string& target, int status) { return request("GET", target, "", status); }
    json::value post(const std::string& target, const json::value& body, int status,
                     const std::map<std::string, std::string>& headers = {}) {
        return request("POST", target, json::serialize(body), status, headers);
    }

    json::value prepare(const SigningKey& key, const std::string& contract, const std::string& function,
                        const json::value& arguments) {
        return post("/api/v1/transactions:prepare",
                    {{"contract", contract},
                     {"function", function},
                     {"arguments", arguments},
                     {"creator", identity::did::did_from_key(key.public_key())}},
                    200);
    }
    static json::value sign(const SigningKey& key, const json::value& prepared) {
        const auto proposal = base::from_base64url(std::string(prepared.at("proposal").as_string())).value();
        const auto input = identity::crypto::signing_input("proposal/v1", "fairstream-local", proposal);
        CHECK(base::to_base64url(input) == prepared.at("signing_input").as_string());
        CHECK(base::to_hex(identity::crypto::sha256(proposal)) == prepared.at("id").as_string());
        return {{"proposal", prepared.at("proposal")}, {"signature", base::to_base64url(key.sign(input))}};
    }
    json::value submit(const SigningKey& key, const std::string& contract, const std::string& function,
                       const json::value& arguments) {
        return post("/api/v1/transactions:submit", sign(key, prepare(key, contract, function, arguments)), 200);
    }
    void wait_for_height(std::int64_t height) {
        wait_until("the read model", [&] { return get("/healthz", 200).at("height").as_int64() >= height; });
    }

    const Consortium& net() const { return net_; }
    const std::string& url() const { return url_; }
    /// Operations of the description that have been called and answered well, and all of them.
    const std::set<std::string>& called() const { return called_; }
    std::set<std::string> described() const { return check_->operations(); }

private:
    Consortium net_;
    std::string url_;
    std::unique_ptr<base::net::HttpClient> http_;
    std::optional<OpenapiCheck> check_;
    std::set<std::string> called_;
};

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
    CHECK(dapp.get("/healthz", 200).at("status").as_string() == "ok");
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
