// A proposal's whole way in one call, and what a lost answer costs.
#include <catch2/catch.hpp>

#include <atomic>

#include "base/clock.hpp"
#include "ledger/client/proposal.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace proto = ledger::proto;
using proto::GatewayMethod;

namespace {

proto::TransactRequest request_for(Cluster& cluster, const ledger::client::Invocation& what,
                                   std::chrono::milliseconds wait) {
    proto::TransactRequest request;
    *request.mutable_request() =
        ledger::client::make_proposal("test", cluster.alice, what, proto::INTENT_SUBMIT, base::wall_now());
    request.set_wait_ms(static_cast<std::uint32_t>(wait.count()));
    return request;
}

Result<proto::TransactReply> transact(Cluster& cluster, std::size_t node, const proto::TransactRequest& request) {
    FS_ASSIGN(const auto answer, cluster.call_gateway(node, GatewayMethod::kTransact, proto::encode(request)));
    return proto::decode<proto::TransactReply>(answer);
}

/// Stands between a client and node 0's gateway, and may lose answers that the gateway gave.
class Lossy {
public:
    using Loses = std::function<bool(GatewayMethod)>;

    Lossy(Cluster& cluster, Loses loses) : options_(cluster.options({0})) {
        const auto& behind = options_.gateways.front();
        link_ = base::net::RpcClient::make(loop_, behind.address, {{}, {}, cluster.roots()}, behind.server_name, {});
        auto server = base::net::RpcServer::listen(
            loop_, {}, cluster.tls(0), /*require_client_certificate=*/false, {},
            [this, loses](base::net::RpcCall call, std::shared_ptr<base::net::Responder> responder) {
                const auto method = static_cast<GatewayMethod>(call.method);
                link_->call(call.method, std::move(call.payload), 20s, [=](Result<Bytes> answer) {
                    if (answer && loses(method)) return responder->fail({"timeout", "the answer was lost"});
                    answer ? responder->reply(std::move(*answer)) : responder->fail(answer.error());
                });
            },
            [](const auto&) {});
        REQUIRE(server);
        server_ = std::move(*server);
        options_.gateways.front().address.port = server_->port();
        loop_.start();
    }
    ~Lossy() {
        loop_.stop();
        server_.reset();
        link_.reset();
    }
    const ledger::client::Options& options() const { return options_; }

private:
    ledger::client::Options options_;
    base::net::Loop loop_;
    std::shared_ptr<base::net::RpcClient> link_;
    std::unique_ptr<base::net::RpcServer> server_;
};

}  // namespace

TEST_CASE("one call brings a proposal to its commit, and the same call again is a duplicate at every gateway") {
    Cluster cluster(4);
    const auto request = request_for(cluster, kv("Put", "colour=blue"), 20s);
    const auto reply = transact(cluster, 0, request);
    REQUIRE(code(reply) == "ok");
    REQUIRE(reply->status().known());
    CHECK(reply->status().outcome().code() == proto::VALID);
    const auto response = ledger::client::response_of(reply->result(), request.request());
    REQUIRE(response);
    CHECK(base::to_string(*response) == "colour");
    REQUIRE(cluster.agree(reply->status().block()));
    for (std::size_t node = 0; node < 4; ++node) CHECK(code(transact(cluster, node, request)) == "duplicate_id");

    const auto other = request_for(cluster, kv("Put", "colour=red"), 20s);
    CHECK(code(ledger::client::response_of(reply->result(), other.request())) == "bad_answer");
    CHECK(code(ledger::client::response_of("\xff", request.request())) == "bad_answer");
}

TEST_CASE("who does not wait hears that the proposal is admitted, and asks later") {
    Cluster cluster(4);
    const auto request = request_for(cluster, kv("Add", "counter=1"), 0s);
    const auto reply = transact(cluster, 2, request);
    REQUIRE(code(reply) == "ok");
    CHECK_FALSE(reply->result().empty());
    const auto status =
        cluster.client({1})->commit_status(proto::transaction_id(request.request().signed_proposal()), 20s);
    REQUIRE(code(status) == "ok");
    CHECK(status->outcome().code() == proto::VALID);
}

TEST_CASE("one call is refused as its steps are") {
    Cluster cluster(3);
    CHECK(code(transact(cluster, 0, {})) == "malformed");
    CHECK(code(transact(cluster, 0, request_for(cluster, kv("Put", "no value"), 5s))) == "bad_arguments");
    auto forged = request_for(cluster, kv("Put", "a=b"), 5s);
    forged.mutable_request()->mutable_signed_proposal()->mutable_signature()->at(5) ^= 1;
    CHECK(code(transact(cluster, 0, forged)) == "bad_signature");
    CHECK(code(cluster.call_gateway(0, GatewayMethod::kTransact, to_bytes(std::string_view("\xff\xff\xff")))) ==
          "malformed");
}

TEST_CASE("a lost answer costs no second commit, and the client still learns what the transaction answered") {
    Cluster cluster(4);
    std::atomic<int> calls{0};
    std::atomic<int> lost{1};
    Lossy between(cluster, [&](GatewayMethod method) {
        if (method != GatewayMethod::kTransact) return false;
        ++calls;
        return lost-- > 0;
    });
    ledger::client::Client client(cluster.loop(), between.options());
    const auto commit = client.submit(cluster.alice, kv("Append", "log=x"));
    REQUIRE(code(commit) == "ok");
    CHECK(calls >= 1);
    REQUIRE(cluster.agree(commit->block));
    const auto direct = cluster.client({3});
    CHECK(text(direct->evaluate(cluster.alice, kv("Get", "log"))) == "x");
    const auto found = direct->transaction(commit->transaction_id);
    REQUIRE(code(found) == "ok");
    const auto result =
        proto::decode<proto::ProposalResult>(proto::decode<proto::Transaction>(found->transaction())->result());
    CHECK(base::to_string(commit->response) == result->response());
}
