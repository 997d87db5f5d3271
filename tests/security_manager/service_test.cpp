// The security manager over HTTPS: who gets a session, and what a session is good for.

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "chaincode/schema/events.pb.h"
#include "identity/jose/proof.hpp"
#include "ledger/proto/ledger.pb.h"
#include "security_manager/gate/access_token.hpp"
#include "security_manager/service/revocation_feed.hpp"
#include "tests/security_manager/fixtures.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace client = security_manager::client;
namespace jose = identity::jose;

namespace {

struct Fixture {
    TestDaemon daemon;
    SigningKey holder = SigningKey::generate();
    base::net::HttpClient http = daemon.client();

    Fixture() { daemon.grants.put(make_grant(schema::DOWNLOAD, holder, "delta", "purchase-1")); }
    explicit Fixture(const service::ServiceConfig& config) : daemon(config) {
        daemon.grants.put(make_grant(schema::DOWNLOAD, holder, "delta", "purchase-1"));
    }

    Result<client::Session> open(const std::string& grant, const SigningKey& key) {
        return client::open_session(http, daemon.request(grant), key, base::wall_now());
    }
    std::string refusal(const std::string& grant, const SigningKey& key) {
        const auto session = open(grant, key);
        return session ? "opened" : session.error().code;
    }
    base::net::HttpResponse post(const std::string& path, const std::string& body) {
        auto response = http.request("POST", daemon.url() + path, {}, body, 60s);
        REQUIRE(response);
        return *response;
    }
    static std::string code(const base::net::HttpResponse& response) {
        const auto body = boost::json::parse(response.body);
        const auto* found = body.as_object().if_contains("code");
        return found ? std::string(found->as_string()) : std::to_string(response.status);
    }
    std::string nonce() {
        const auto response = http.request("GET", daemon.url() + "/v1/nonce", {}, {}, 60s);
        REQUIRE(response);
        return std::string(boost::json::parse(response->body).at("nonce").as_string());
    }
    std::string proof(const jose::ProofRequest& about) { return jose::make_proof(holder, about, base::wall_now()); }
    std::string open_body(const std::string& proof_text) {
        return boost::json::serialize(boost::json::object{{"grant", "delta"}, {"proof", proof_text}});
    }
    /// GET of what the operator serves; the status and the body or the problem's code.
    std::pair<int, std::string> get(const std::map<std::string, std::string>& headers,
                                    const std::string& path = "/v1/x") {
        const auto response = http.request("GET", daemon.url() + path, headers, {}, 60s);
        REQUIRE(response);
        return {response->status, response->status == 200 ? response->body : code(*response)};
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "service: a grant's holder opens a session that says what it covers") {
    const auto session = open("delta", holder);
    REQUIRE(session);
    CHECK(session->mqtt_url == "mqtt://elsewhere");
    CHECK(session->inbox == "fs/1/in/" + session->id);
    CHECK(session->expires > base::wall_now());
    const auto facts = gate::read_token(session->token, gate::kAccessTokenType, daemon.operator_key.public_key(),
                                        kOperator, base::wall_now());
    REQUIRE(facts);
    CHECK(facts->client_id == session->client_id);
    const auto known = on_loop(daemon.loop, [&] { return daemon.manager->find(facts->session) != nullptr; });
    CHECK(known);
}

TEST_CASE_METHOD(Fixture, "service: grants that open nothing, each for its reason") {
    const auto put = [&](const std::string& id, auto change) {
        auto reply = make_grant(schema::DOWNLOAD, holder, id, "purchase-" + id);
        change(reply);
        daemon.grants.put(reply);
    };
    const auto us = [](TimePoint t) { return base::to_us(t); };
    put("revoked", [](auto& r) { r.mutable_grant()->set_revoked(true); });
    put("inactive", [](auto& r) { r.set_active(false); });
    put("expired", [&](auto& r) { r.mutable_grant()->set_expires_us(us(base::wall_now() - 1s)); });
    put("early", [&](auto& r) { r.mutable_grant()->set_not_before_us(us(base::wall_now() + 1h)); });
    put("elsewhere", [](auto& r) { r.mutable_grant()->clear_operators(); });
    put("kindless", [](auto& r) { r.mutable_grant()->set_kind(schema::GRANT_UNSPECIFIED); });

    CHECK(refusal("unknown", holder) == "not_found");
    CHECK(refusal("revoked", holder) == "grant_revoked");
    CHECK(refusal("inactive", holder) == "grant_not_active");
    CHECK(refusal("expired", holder) == "grant_expired");
    CHECK(refusal("early", holder) == "grant_not_yet");
    CHECK(refusal("elsewhere", holder) == "not_my_grant");
    CHECK(refusal("kindless", holder) == "grant_not_active");
    CHECK(refusal("delta", SigningKey::generate()) == "wrong_holder");
}

TEST_CASE_METHOD(Fixture, "service: a proof serves one session, here, now, for this grant") {
    const std::string url = daemon.url() + "/v1/sessions";
    const std::string fresh = nonce();
    const std::string good = proof({"POST", url, fresh, "delta", {}});
    CHECK(post("/v1/sessions", open_body(good)).status == 201);
    CHECK(code(post("/v1/sessions", open_body(good))) == "nonce_used");

    const auto refused = [&](const jose::ProofRequest& about) {
        return code(post("/v1/sessions", open_body(proof(about))));
    };
    CHECK(refused({"POST", url, "AAAA", "delta", {}}) == "bad_nonce");
    CHECK(refused({"POST", url, {}, "delta", {}}) == "bad_claim");
    CHECK(refused({"GET", url, nonce(), "delta", {}}) == "wrong_method");
    CHECK(refused({"POST", "https://other/v1/sessions", nonce(), "delta", {}}) == "wrong_url");
    CHECK(refused({"POST", url, nonce(), "another grant", {}}) == "wrong_grant");
    const auto old = jose::make_proof(holder, {"POST", url, nonce(), "delta", {}}, base::wall_now() - 5min);
    CHECK(code(post("/v1/sessions", open_body(old))) == "stale_proof");
    CHECK(code(post("/v1/sessions", open_body("guess"))) == "bad_jwt");
}

TEST_CASE_METHOD(Fixture, "service: requests that are none") {
    CHECK(code(post("/v1/sessions", "")) == "bad_json");
    CHECK(code(post("/v1/sessions", "[]")) == "bad_json");
    CHECK(code(post("/v1/sessions", "{}")) == "bad_request");
    CHECK(code(post("/v1/sessions", R"({"grant":"delta","operator":"op2","proof":"x"})")) == "bad_request");
    CHECK(code(post("/v1/sessions", R"({"grant":"delta","proof":"x","kind":"root"})")) == "bad_request");
    CHECK(code(post("/v1/sessions", std::string(40'000, ' '))) == "too_large");
    CHECK(code(post("/v1/sessions/../x", "{}")) == "unknown_path");
    CHECK(code(post("/v1/sessions/00/renew", "{}")) == "unknown_path");
    CHECK(code(post("/v1/sessions/" + std::string(32, '0') + "/renew", R"({"proof":"x"})")) == "unknown_session");
    const auto get = http.request("GET", daemon.url() + "/v1/sessions", {}, {}, 60s);
    REQUIRE(get);
    CHECK(get->status == 405);
}

TEST_CASE_METHOD(Fixture, "service: only its key renews a session") {
    auto session = open("delta", holder);
    REQUIRE(session);
    const auto before = *session;
    const auto stolen = client::renew(http, *session, SigningKey::generate(), base::wall_now());
    REQUIRE_FALSE(stolen);
    CHECK(stolen.error().code == "wrong_holder");
    REQUIRE(client::renew(http, *session, holder, base::wall_now()));
    CHECK(session->id == before.id);
    CHECK(session->connect_nonce != before.connect_nonce);
}

TEST_CASE_METHOD(Fixture, "service: an HTTPS request needs the token and its key, once") {
    const auto session = open("delta", holder);
    REQUIRE(session);
    const std::string url = daemon.url() + "/v1/x";
    const auto now = base::wall_now();
    const auto headers = client::request_headers(*session, holder, "GET", url, now);

    using Answer = std::pair<int, std::string>;
    CHECK(get(headers) == Answer{200, "delta"});
    CHECK(get(headers) == Answer{401, "proof_replayed"});
    CHECK(get({}) == Answer{401, "no_token"});
    CHECK(get({{"authorization", "Bearer " + session->token}}) == Answer{401, "no_token"});
    CHECK(get(client::request_headers(*session, SigningKey::generate(), "GET", url, now)) ==
          Answer{403, "wrong_holder"});
    CHECK(get(client::request_headers(*session, holder, "GET", url + "/y", now)) == Answer{401, "wrong_url"});
    CHECK(get(client::request_headers(*session, holder, "POST", url, now)) == Answer{401, "wrong_method"});
    auto forged = *session;
    forged.token = "guess";
    CHECK(get(client::request_headers(forged, holder, "GET", url, now)) == Answer{401, "bad_token"});
    // A proof made for another token.
    auto mixed = client::request_headers(forged, holder, "GET", url, now);
    mixed["authorization"] = "DPoP " + session->token;
    CHECK(get(mixed) == Answer{401, "wrong_token"});

    on_loop(daemon.loop, [&] {
        daemon.manager->revoke_purchase("purchase-1");
        return 0;
    });
    CHECK(get(client::request_headers(*session, holder, "GET", url, now)).second == "unknown_session");
}

TEST_CASE_METHOD(Fixture, "service: a bearer token opens nothing over HTTPS") {
    auto request = daemon.request("delta");
    request.bearer = true;
    const auto session = client::open_session(http, request, holder, base::wall_now());
    REQUIRE(session);
    const auto headers = client::request_headers(*session, holder, "GET", daemon.url() + "/v1/x", base::wall_now());
    CHECK(get(headers).second == "bad_token");
    auto renewed = *session;
    const auto done = client::renew(http, renewed, holder, base::wall_now());
    REQUIRE_FALSE(done);
    CHECK(done.error().code == "bearer_refused");
}

TEST_CASE("service: bearer sessions can be switched off, and are not for uploads") {
    service::ServiceConfig config;
    config.bearer_allowed = false;
    Fixture strict(config);
    auto request = strict.daemon.request("delta");
    request.bearer = true;
    auto session = client::open_session(strict.http, request, strict.holder, base::wall_now());
    REQUIRE_FALSE(session);
    CHECK(session.error().code == "bearer_refused");

    Fixture open;
    open.daemon.grants.put(make_grant(schema::UPLOAD, open.holder, "omega"));
    request = open.daemon.request("omega");
    request.bearer = true;
    session = client::open_session(open.http, request, open.holder, base::wall_now());
    REQUIRE_FALSE(session);
    CHECK(session.error().code == "bearer_refused");
}

TEST_CASE("service: one grant cannot take all sessions: who comes back too often loses the one that was longest idle") {
    service::ServiceConfig config;
    config.max_sessions_per_holder = 2;
    Fixture fixture(config);
    const auto first = fixture.open("delta", fixture.holder);
    const auto second = fixture.open("delta", fixture.holder);
    REQUIRE(first);
    REQUIRE(second);
    const auto live = [&](const client::Session& session) {
        return on_loop(fixture.daemon.loop, [&] {
            return fixture.daemon.manager->find(*gate::session_id_from_text(session.id)) != nullptr;
        });
    };
    auto used = *first;
    REQUIRE(client::renew(fixture.http, used, fixture.holder, base::wall_now()));
    REQUIRE(fixture.open("delta", fixture.holder));
    CHECK(live(*first));
    CHECK_FALSE(live(*second));
    fixture.daemon.grants.put(make_grant(schema::DOWNLOAD, fixture.holder, "epsilon", "purchase-2"));
    CHECK(fixture.refusal("epsilon", fixture.holder) == "opened");
}

TEST_CASE("session book: a session that is connected does not make room") {
    service::ServiceConfig config;
    config.operator_name = kOperator;
    config.network = kNetwork;
    config.max_sessions_per_holder = 2;
    service::SessionBook book(config);
    const auto holder = SigningKey::generate();
    const auto now = base::wall_now();
    const auto open = [&] {
        return book.open(make_grant(schema::DOWNLOAD, holder, "delta", "purchase-1"), holder.public_key(), false, {},
                         book.make_nonce(now), now);
    };
    const auto first = open(), second = open();
    REQUIRE(first);
    REQUIRE(second);
    CHECK_FALSE(second->ended);
    book.connected(first->session.id, true, now);
    book.connected(second->session.id, true, now);
    CHECK(open().error().code == "too_many_sessions");
    book.connected(second->session.id, false, now);
    const auto third = open();
    REQUIRE(third);
    CHECK(third->ended == second->session.id);
    CHECK(book.find(second->session.id, now) == nullptr);
    CHECK(book.find(first->session.id, now) != nullptr);
}

TEST_CASE_METHOD(Fixture, "service: another operator proves the key that the ledger lists") {
    const auto op2 = SigningKey::generate();
    daemon.grants.list("op2", op2);
    daemon.grants.list("op1", daemon.operator_key);
    const auto as = [&](const std::string& name, const SigningKey& key) {
        auto request = daemon.request({});
        request.as_operator = name;
        const auto session = client::open_session(http, request, key, base::wall_now());
        return session ? std::string("opened") : session.error().code;
    };
    CHECK(as("op2", op2) == "opened");
    CHECK(as("op2", holder) == "wrong_holder");
    CHECK(as("op3", op2) == "unknown_operator");
    CHECK(as("op1", daemon.operator_key) == "unknown_operator");  // that is this one itself
}

TEST_CASE_METHOD(Fixture, "service: the ledger's events end sessions") {
    const auto session = open("delta", holder);
    REQUIRE(session);
    const auto live = [&] {
        return on_loop(daemon.loop,
                       [&] { return daemon.manager->find(*gate::session_id_from_text(session->id)) != nullptr; });
    };
    const auto apply = [&](const std::string& contract, const std::string& name, const auto& payload) {
        ledger::proto::EventBatch batch;
        auto& event = *batch.add_events()->mutable_event();
        event.set_contract(contract);
        event.set_name(name);
        event.set_payload(payload.SerializeAsString());
        on_loop(daemon.loop, [&] {
            service::apply_revocations(batch, *daemon.manager);
            return 0;
        });
    };
    schema::PurchaseRefunded refunded;
    refunded.set_purchase("another purchase");
    apply("marketplace", "PurchaseRefunded", refunded);
    refunded.set_purchase("purchase-1");
    apply("elsewhere", "PurchaseRefunded", refunded);
    CHECK(live());
    apply("marketplace", "PurchaseRefunded", refunded);
    CHECK_FALSE(live());
    CHECK(refusal("delta", holder) == "grant_revoked");  // although the node's answer is from before

    daemon.grants.put(make_grant(schema::UPLOAD, holder, "omega"));
    schema::GrantRevoked revoked;
    revoked.set_grant("omega");
    apply("security_manager", "GrantRevoked", revoked);
    CHECK(refusal("omega", holder) == "grant_revoked");
}

TEST_CASE_METHOD(Fixture, "service: the gate's socket is the daemon's alone") {
    CHECK(std::filesystem::status(daemon.socket()).permissions() ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    service::ServiceConfig config;
    config.operator_name = kOperator;
    const auto second = on_loop(daemon.loop, [&] {
        service::SessionService another(daemon.loop, config, daemon.grants);
        return another.listen_for_gates(daemon.socket());
    });
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "listen_failed");
}

TEST_CASE("session book: a server nonce lives a minute and cannot be made up") {
    service::ServiceConfig config;
    service::SessionBook book(config);
    service::SessionBook other(config);
    const auto now = base::wall_now();
    const auto nonce = book.make_nonce(now);
    CHECK(book.check_nonce(nonce, now + 59s));
    CHECK_FALSE(book.check_nonce(nonce, now + 60s));
    CHECK_FALSE(other.check_nonce(nonce, now));
    CHECK_FALSE(book.check_nonce(nonce + "A", now));
    CHECK_FALSE(book.check_nonce("", now));
}
