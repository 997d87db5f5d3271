// A DApp that prepares something else than what it was asked for gets no signature.

#include "marketplace_dapp/client/dapp_client.hpp"

#include <google/protobuf/util/json_util.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <future>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "chaincode/schema/credits.pb.h"
#include "identity/did/did_key.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/support/test_pki.hpp"

using namespace fairstream;
using namespace std::chrono_literals;
namespace json = boost::json;
namespace net = base::net;
namespace proto = ledger::proto;
namespace schema = chaincode::schema;
using identity::crypto::SigningKey;
using marketplace_dapp::client::DappClient;

namespace {

constexpr char kChannel[] = "testnet";

/// Prepares as a DApp does, but for what `tamper` changes; keeps what is submitted.
class OtherPartysDapp {
public:
    std::function<void(proto::Proposal&)> tamper = [](proto::Proposal&) {};
    std::function<net::HttpResponse()> answer_to_submit = [] {
        return net::HttpResponse{200, {{"content-type", "application/json"}}, R"({"id":"00","response":{}})"};
    };

    OtherPartysDapp() {
        loop_.start();
        auto made =
            net::HttpServer::listen(loop_, {"127.0.0.1", 0}, {pem_.certificate, pem_.private_key, {}}, {},
                                    [this](const net::HttpRequest& request, const net::HttpServer::Respond& respond) {
                                        handle(request, respond);
                                    });
        REQUIRE(made);
        server_ = std::move(*made);
    }
    ~OtherPartysDapp() {
        std::promise<void> done;
        loop_.post([&] {
            server_.reset();
            done.set_value();
        });
        done.get_future().wait();
    }

    DappClient client() {
        return {"https://127.0.0.1:" + std::to_string(server_->port()), ca_.certificate(), kChannel};
    }
    std::vector<json::object> submitted() {
        const std::lock_guard lock(mutex_);
        return submitted_;
    }

private:
    void handle(const net::HttpRequest& request, const net::HttpServer::Respond& respond) {
        if (request.path == "/api/v1/transactions:prepare") return respond(prepare(request.body));
        if (request.path == "/api/v1/transactions:submit") {
            const std::lock_guard lock(mutex_);
            submitted_.push_back(json::parse(request.body).as_object());
            return respond(answer_to_submit());
        }
        if (request.path == "/api/v1/echo")
            return respond({200, {}, json::serialize(json::object{{"q", request.query.at("q")}})});
        respond(net::problem(404, {"not_found", "there is nothing at " + request.path}));
    }
    net::HttpResponse prepare(const std::string& body) {
        const auto asked = json::parse(body).as_object();
        schema::TransferRequest arguments;
        REQUIRE(google::protobuf::util::JsonStringToMessage(json::serialize(asked.at("arguments")), &arguments).ok());
        proto::Proposal proposal;
        proposal.set_channel(kChannel);
        proposal.set_contract(asked.at("contract").as_string().c_str());
        proposal.set_function(asked.at("function").as_string().c_str());
        proposal.set_arguments(proto::as_field(proto::encode(arguments)));
        proposal.mutable_creator()->set_did(asked.at("creator").as_string().c_str());
        proposal.set_intent(proto::INTENT_SUBMIT);
        proposal.set_nonce(std::string(16, 'n'));
        proposal.set_created_at_us(base::to_us(base::wall_now()));
        tamper(proposal);
        const json::object answer{{"proposal", base::to_base64url(proto::encode(proposal))}};
        return {200, {{"content-type", "application/json"}}, json::serialize(answer)};
    }

    tests::TestCa ca_ = tests::make_test_ca("org1");
    tests::PemPair pem_ = ca_.issue("dapp");
    std::mutex mutex_;
    std::vector<json::object> submitted_;
    net::Loop loop_;
    std::unique_ptr<net::HttpServer> server_;
};

struct Bob {
    SigningKey key = SigningKey::generate();
    ledger::client::Identity identity{
        .key = key, .did = identity::did::did_from_key(key.public_key()), .certificate = {}};

    Result<schema::Empty> send(DappClient& dapp) const {
        schema::TransferRequest transfer;
        transfer.set_to("market");
        transfer.set_amount_micro(5);
        return dapp.submit<schema::Empty>(identity, "credits", "Transfer", transfer);
    }
};

}  // namespace

TEST_CASE("what a DApp prepares as asked is signed and submitted") {
    OtherPartysDapp dapp;
    const Bob bob;
    auto client = dapp.client();
    REQUIRE(bob.send(client));
    const auto sent = dapp.submitted();
    REQUIRE(sent.size() == 1);
    const auto proposal = base::from_base64url(sent[0].at("proposal").as_string().c_str()).value();
    const auto signature = base::from_base64url(sent[0].at("signature").as_string().c_str()).value();
    CHECK(bob.key.public_key().verify(identity::crypto::signing_input("proposal/v1", kChannel, proposal),
                                      identity::crypto::to_signature(signature).value()));
}

TEST_CASE("what a DApp prepares otherwise is not signed") {
    OtherPartysDapp dapp;
    const Bob bob;
    auto client = dapp.client();
    const std::vector<std::pair<const char*, std::function<void(proto::Proposal&)>>> tricks = {
        {"another channel", [](auto& p) { p.set_channel("mainnet"); }},
        {"another contract", [](auto& p) { p.set_contract("marketplace"); }},
        {"another function", [](auto& p) { p.set_function("Mint"); }},
        {"more money",
         [](auto& p) {
             schema::TransferRequest more;
             more.set_to("market");
             more.set_amount_micro(5'000'000);
             p.set_arguments(proto::as_field(proto::encode(more)));
         }},
        {"another creator", [](auto& p) { p.mutable_creator()->set_did("did:key:zDnother"); }},
        {"a certificate beside", [](auto& p) { p.mutable_creator()->set_certificate("DER"); }},
        {"a query", [](auto& p) { p.set_intent(proto::INTENT_QUERY); }},
        {"a short nonce", [](auto& p) { p.set_nonce("n"); }},
        {"an old time", [](auto& p) { p.set_created_at_us(base::to_us(base::wall_now() - 10min)); }},
        {"a time to come", [](auto& p) { p.set_created_at_us(base::to_us(base::wall_now() + 10min)); }},
        {"private inputs", [](auto& p) { p.set_private_hash(std::string(32, 'h')); }},
        {"a field that nobody knows",
         [](auto& p) { p.GetReflection()->MutableUnknownFields(&p)->AddVarint(1'000, 1); }},
    };
    for (const auto& [name, trick] : tricks) {
        INFO(name);
        dapp.tamper = trick;
        const auto sent = bob.send(client);
        REQUIRE_FALSE(sent);
        CHECK(sent.error().code == "tampered_proposal");
    }
    CHECK(dapp.submitted().empty());
}

TEST_CASE("a DApp's refusals keep their code, and its nonsense is said to be so") {
    OtherPartysDapp dapp;
    const Bob bob;
    auto client = dapp.client();
    dapp.answer_to_submit = [] { return net::problem(409, {"insufficient_funds", "there are 3 micro-credits"}); };
    CHECK(bob.send(client).error().code == "insufficient_funds");
    dapp.answer_to_submit = [] { return net::HttpResponse{200, {}, "<html>"}; };
    CHECK(bob.send(client).error().code == "bad_answer");
    dapp.answer_to_submit = [] { return net::HttpResponse{200, {}, R"({"response":{"surprise":1}})"}; };
    CHECK(bob.send(client).error().code == "bad_answer");
    CHECK(client.get("/api/v1/nowhere").error().code == "not_found");
}

TEST_CASE("what is asked of a DApp arrives as it was meant") {
    OtherPartysDapp dapp;
    auto client = dapp.client();
    const auto answer = client.get("/api/v1/echo", {{"q", "boiler & \"steam\" 100% ü/+"}});
    REQUIRE(answer);
    CHECK(answer->at("q") == "boiler & \"steam\" 100% ü/+");
}
