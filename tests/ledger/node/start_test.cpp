// A node that is not what its config says does not start.
#include <catch2/catch.hpp>

#include "base/clock.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;

namespace {

Status start(Cluster& cluster, const std::function<void(ledger::node::NodeConfig&)>& spoil) {
    base::net::Loop loop;
    base::Metrics metrics;
    auto config = cluster.config(0);
    spoil(config);
    auto node = ledger::node::Node::start(loop, std::move(config), metrics);
    return node ? Status{} : fail(node.error());
}

}  // namespace

TEST_CASE("a node starts only as a member of the channel, with its listed key and certificate") {
    Cluster cluster(3, /*started=*/false);
    CHECK(code(start(cluster, [](auto&) {})) == "ok");
    CHECK(code(start(cluster, [](auto& config) { config.genesis = {1, 2, 3}; })) == "bad_config");
    CHECK(code(start(cluster, [](auto& config) { config.name = "stranger"; })) == "wrong_key");
    CHECK(code(start(cluster, [](auto& config) { config.key = identity::crypto::SigningKey::generate(); })) ==
          "wrong_key");
    CHECK(code(start(cluster, [&](auto& config) { config.certificate_chain = cluster.config(1).certificate_chain; })) ==
          "wrong_key");
}

TEST_CASE("a node needs an address for every other node, and for no one else") {
    Cluster cluster(3, /*started=*/false);
    CHECK(code(start(cluster, [](auto& config) { config.peers.pop_back(); })) == "missing_peer");
    CHECK(code(start(cluster, [](auto& config) { config.peers[0].name = "stranger"; })) == "missing_peer");
    CHECK(code(start(cluster, [](auto& config) { config.peers[0].name = config.name; })) == "unknown_peer");
}

TEST_CASE("a port that is taken is named") {
    Cluster cluster(1);
    Cluster other(1, /*started=*/false);
    const auto taken = cluster.config(0).gateway_listen;
    const auto refused = start(other, [&](auto& config) { config.gateway_listen = taken; });
    REQUIRE(code(refused) == "listen_failed");
    CHECK_THAT(refused.error().message, Catch::Contains(std::to_string(taken.port)));
}

TEST_CASE("two processes cannot have one node's data") {
    Cluster cluster(1);
    CHECK_FALSE(start(cluster, [](auto&) {}));
}

TEST_CASE("a certificate that has ended is refused by the node itself and by its peers, and says so") {
    Cluster cluster(3);
    const auto config = cluster.config(1);
    const auto ended = cluster.ca(1).issue({.role = identity::msp::Role::kNode,
                                            .name = config.name,
                                            .key = config.key.public_key(),
                                            .dns_names = {config.name},
                                            .ip_names = {"127.0.0.1"},
                                            .validity = {base::wall_now() - 1h, base::wall_now() - 1min}});
    REQUIRE(ended);
    cluster.stop(1);
    const auto refused = cluster.start(1, [&](auto& changed) { changed.certificate_chain = ended->to_pem(); });
    REQUIRE(code(refused) == "expired");
    CHECK_THAT(refused.error().message, Catch::Contains("ended at") && Catch::Contains("for the same key"));
    const auto called = cluster.call_peer_port(0, ledger::proto::PeerMethod::kBlocks, {},
                                               {ended->to_pem(), config.key.to_pem(), cluster.roots()});
    CHECK((code(called) == "disconnected" || code(called) == "tls_failed"));
    // Renewed for the same key, it is back without anyone's consent.
    REQUIRE(code(cluster.start(1)) == "ok");
    CHECK(cluster.ready());
}

TEST_CASE("a node that the channel does not list starts only if it says that it is joining, and then does not vote") {
    Cluster cluster(3);
    const auto other = cluster.add_member();
    CHECK(code(cluster.start(other)) == "wrong_key");
    REQUIRE(code(cluster.start(other, [](auto& config) { config.joining = true; })) == "ok");
    CHECK_FALSE(cluster.health(other).votes);
    CHECK_FALSE(cluster.health(other).ready);
    CHECK_THAT(cluster.health(other).reason, Catch::Contains("no member of the channel config in force (epoch 1)"));
}
