// Which organisations are asked to endorse, and what happens when one of them is silent.
#include <catch2/catch.hpp>

#include <atomic>

#include "ledger/proto/wire.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
namespace proto = ledger::proto;

namespace {

/// The transaction of this commit, as it lies in its block.
proto::Transaction committed(ledger::client::Client& client, const ledger::client::Commit& commit) {
    const auto found = client.transaction(commit.transaction_id);
    REQUIRE(code(found) == "ok");
    return proto::decode<proto::Transaction>(found->transaction()).value();
}

bool endorsed_by(const proto::Transaction& transaction, const std::string& node) {
    return std::ranges::any_of(transaction.endorsements(), [&](const auto& one) { return one.node() == node; });
}

}  // namespace

TEST_CASE("no more organisations are asked than must endorse, but all are given private inputs") {
    Cluster cluster(4);
    const auto client = cluster.client({1});
    const auto commit = client->submit(cluster.alice, kv("Put", "a=1"));
    REQUIRE(code(commit) == "ok");
    const auto transaction = committed(*client, *commit);
    CHECK(transaction.endorsements_size() == 3);
    CHECK(endorsed_by(transaction, "node1"));
    const auto batches = [&](std::size_t node) {
        const auto text = cluster.metrics(node);
        const auto at = text.find("\nledger_endorse_batches_total ");
        return at == std::string::npos ? 0 : std::stoi(text.substr(at + 30));
    };
    CHECK(batches(1) >= 3);
    const auto before = batches(1);
    REQUIRE(code(client->submit(cluster.alice, kv("Hide", "secret", "value"))) == "ok");
    CHECK(batches(1) >= before + 4);
}

TEST_CASE("an organisation that takes the question and says nothing is made up for by another") {
    Cluster cluster(4, /*started=*/false);
    std::atomic<int> asked{0};
    std::vector<std::shared_ptr<base::net::Responder>> unanswered;  // of the loop thread
    base::net::Loop loop;
    auto silent = base::net::RpcServer::listen(
        loop, cluster.config(1).peer_listen, cluster.tls(1), /*require_client_certificate=*/true, {},
        [&](const base::net::RpcCall& call, const std::shared_ptr<base::net::Responder>& responder) {
            if (call.method == static_cast<std::uint16_t>(proto::PeerMethod::kEndorse)) ++asked;
            unanswered.push_back(responder);
        },
        [](const auto&) {});
    REQUIRE(silent);
    loop.start();
    for (const std::size_t node : {0, 2, 3}) REQUIRE(code(cluster.start(node)) == "ok");
    REQUIRE(cluster.ready());
    const auto client = cluster.client({0});
    REQUIRE(eventually([&] {
        const auto commit = client->submit(cluster.alice, kv("Put", "a=1"));
        REQUIRE(code(commit) == "ok");
        const auto transaction = committed(*client, *commit);
        CHECK(endorsed_by(transaction, "node3"));  // nobody's first choice
        return asked > 0;                          // its link is up, and it was asked
    }));
    loop.stop();
    unanswered.clear();
    silent->reset();
}
