// A node whose results differ from what the others agreed on stops, says so, and comes back with a clean folder.
#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "ledger/node/inspection.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/state.hpp"
#include "ledger/state/table.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace state = ledger::state;

namespace {

/// Changes one key's value and version behind the node's back, as a bad disk or a bug would.
void spoil_state(const std::filesystem::path& folder, const std::string& key) {
    auto table = state::rocks_table(folder / "state");
    REQUIRE(table);
    auto row = state::make_row(key, to_bytes(std::string_view("spoiled")), {1, 7});
    REQUIRE((*table)->write({{std::move(row.first), std::move(row.second)}}, state::Table::Durability::kDisk));
}

ledger::node::Inspection check(const Cluster& cluster, std::size_t node) {
    auto found = ledger::node::inspect({.data_folder = cluster.folder(node),
                                        .guard_file = {},
                                        .genesis = cluster.genesis(),
                                        .replay = true,
                                        .progress = {}});
    REQUIRE(found);
    return std::move(*found);
}

}  // namespace

TEST_CASE("a node that finds other results than the quorum stops and names the transaction") {
    Cluster cluster(4);
    const auto client = cluster.client({0});
    REQUIRE(code(client->submit(cluster.alice, kv("Put", "a=1"))) == "ok");
    REQUIRE(cluster.agree());
    cluster.stop(3);
    CHECK(check(cluster, 3).problems.empty());
    spoil_state(cluster.folder(3), "kv/a");
    const auto found = check(cluster, 3);
    REQUIRE(found.problems.size() == 1);
    CHECK_THAT(found.problems[0], Catch::Contains("kv/a"));

    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(cluster.ready());
    // It reads what was spoiled: valid everywhere, and in conflict there.
    const auto commit = client->submit(cluster.alice, kv("Append", "a=x"));
    REQUIRE(code(commit) == "ok");
    REQUIRE(eventually([&] { return cluster.health(3).failed; }));
    const auto health = cluster.health(3);
    CHECK_FALSE(health.ready);
    CHECK_THAT(health.reason, Catch::Contains("outcomes of block " + std::to_string(commit->block) + " differ"));
    CHECK_THAT(health.reason, Catch::Contains(ledger::proto::short_id(commit->transaction_id) + " READ_CONFLICT"));
    REQUIRE(code(client->submit(cluster.alice, kv("Put", "b=1"))) == "ok");  // the others go on

    // With its results thrown away and its votes kept, it comes back.
    cluster.stop(3);
    for (const auto* folder : {"blocks", "state", "private", "snapshots"})
        std::filesystem::remove_all(cluster.folder(3) / folder);
    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(cluster.ready());
    REQUIRE(cluster.agree(commit->block));
    CHECK(text(cluster.client({3})->evaluate(cluster.alice, kv("Get", "a"))) == "1x");
}

TEST_CASE("inspection tells what lies in a stopped node's folder, and a damaged block by file and offset") {
    Cluster cluster(1);
    const auto client = cluster.client({0});
    for (int i = 0; i < 3; ++i) REQUIRE(code(client->submit(cluster.alice, kv("Put", "a=1"))) == "ok");
    REQUIRE(cluster.agree(3));
    cluster.stop(0);
    const auto before = check(cluster, 0);
    CHECK(before.problems.empty());
    CHECK(before.blocks.first == 1);
    CHECK(before.blocks.last >= 3);
    CHECK(before.replayed == before.blocks.last);
    CHECK(before.state_height == before.blocks.last);
    CHECK(before.last_vote == before.guard);
    CHECK(before.config_epoch == 1);

    const auto segment = cluster.folder(0) / "blocks" / ledger::blocks::segment_name(1);
    std::filesystem::resize_file(segment, std::filesystem::file_size(segment) - 5);
    CHECK(check(cluster, 0).blocks.torn);
    auto bytes = base::read_file(segment);
    REQUIRE(bytes);
    (*bytes)[100] ^= 1;
    REQUIRE(base::write_file(segment, *bytes));
    const auto damaged = check(cluster, 0);
    REQUIRE_FALSE(damaged.problems.empty());
    CHECK_THAT(damaged.problems[0], Catch::Contains(segment.filename().string()));
}
