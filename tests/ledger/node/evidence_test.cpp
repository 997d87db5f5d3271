// A member that signs two votes for one place: who hears both keeps them, and whoever looks into its files sees them.
#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "ledger/node/inspection.hpp"
#include "ledger/order/evidence.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
namespace order = ledger::order;
namespace proto = ledger::proto;

namespace {

/// A node's PREPARE for a block that nobody has proposed.
proto::SignedOrderMessage prepare(const Cluster& cluster, std::size_t node, std::uint64_t height, char block,
                                  std::uint64_t epoch = 1) {
    proto::OrderMessage body;
    body.set_config_epoch(epoch);
    body.mutable_prepare()->set_height(height);
    body.mutable_prepare()->set_block_hash(std::string(32, block));
    proto::SignedOrderMessage message;
    message.set_node(cluster.name(node));
    message.set_body(body.SerializeAsString());
    const auto key = identity::crypto::SigningKey::from_pem(cluster.tls(node).private_key).value();
    message.set_signature(proto::as_field(order::sign_with(key, "test")(as_bytes(message.body()))));
    return message;
}

ledger::node::Inspection look(const Cluster& cluster, std::size_t node, bool replay = true) {
    auto found = ledger::node::inspect({.data_folder = cluster.folder(node),
                                        .guard_file = {},
                                        .genesis = cluster.genesis(),
                                        .replay = replay,
                                        .progress = {}});
    REQUIRE(code(found) == "ok");
    return std::move(*found);
}

}  // namespace

TEST_CASE("two votes of one member for one place are kept by who hears them, counted, and found in its files") {
    Cluster cluster(4);
    const auto client = cluster.client({0});
    REQUIRE(code(client->submit(cluster.alice, kv("Put", "a=1"))) == "ok");
    cluster.stop(3);
    REQUIRE(cluster.agree());
    const auto folder = cluster.folder(0) / "evidence";
    REQUIRE(eventually([&] {
        const auto height = client->info()->height() + 1;
        for (const char block : {'a', 'b'})
            cluster.notify_peer_port(0, proto::PeerMethod::kOrder,
                                     ledger::proto::encode(prepare(cluster, 3, height, block)), cluster.tls(3));
        return !order::EvidenceStore::read(folder)->empty();
    }));
    CHECK_THAT(cluster.metrics(0), Catch::Contains("ledger_double_votes_total{node=\"node3\"}"));
    cluster.stop(0);
    const auto found = look(cluster, 0);
    CHECK(found.problems.empty());  // of another member's making
    REQUIRE_FALSE(found.evidence.empty());
    CHECK(found.evidence[0].node == "node3");
    CHECK(found.evidence[0].at.step == order::Step::kPrepare);
    CHECK(found.evidence[0].config_epoch == 1);
    CHECK(found.evidence[0].proven);
}

TEST_CASE("evidence that proves nothing, and files that are none, are named") {
    Cluster cluster(4);
    cluster.stop(0);
    auto store = order::EvidenceStore::open(cluster.folder(0) / "evidence").value();
    const auto keep = [&](proto::SignedOrderMessage first, proto::SignedOrderMessage second) {
        REQUIRE(store.keep({std::move(first), std::move(second)}).value());
    };
    keep(prepare(cluster, 1, 7, 'a'), prepare(cluster, 1, 7, 'b'));
    auto forged = prepare(cluster, 2, 7, 'b');
    forged.set_signature(prepare(cluster, 1, 7, 'b').signature());
    keep(prepare(cluster, 2, 7, 'a'), forged);
    keep(prepare(cluster, 1, 8, 'a', 9), prepare(cluster, 1, 8, 'b', 9));
    REQUIRE(base::write_file(cluster.folder(0) / "evidence" / "nothing.proof", {}));
    const bool replay = GENERATE(false, true);
    const auto found = look(cluster, 0, replay);
    REQUIRE(found.evidence.size() == 3);
    CHECK(std::ranges::count(found.evidence, true, &ledger::node::Evidence::proven) == 1);
    std::string problems;
    for (const auto& problem : found.problems) problems += problem + "\n";
    CHECK(found.problems.size() == 3);
    CHECK_THAT(problems, Catch::Contains("1 of 4 files"));
    CHECK_THAT(problems, Catch::Contains("kept of node2 for height 7, round 0, PREPARE prove nothing"));
    CHECK_THAT(problems, Catch::Contains("kept of node1 for height 8, round 0, PREPARE prove nothing"));
    CHECK_THAT(problems, Catch::Contains("does not know that config epoch"));
}
