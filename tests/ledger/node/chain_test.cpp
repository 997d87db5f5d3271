// What a node does with decided blocks on its own disk.
#include <catch2/catch.hpp>

#include "ledger/node/chain.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using ledger::node::Chain;
namespace proto = ledger::proto;

namespace {

/// Blocks as a real network decided them.
std::vector<proto::DecidedBlock> decided_blocks(Cluster& cluster) {
    const auto client = cluster.client();
    for (const auto* pair : {"a=1", "b=2"}) REQUIRE(code(client->submit(cluster.alice, kv("Put", pair))) == "ok");
    REQUIRE(cluster.agree());
    std::vector<proto::DecidedBlock> out;
    for (std::uint64_t height = 1; height <= client->info()->height(); ++height)
        out.push_back(client->block(height).value());
    return out;
}

}  // namespace

TEST_CASE("decided blocks bring another node to the same tip, also after a restart between any two of them") {
    Cluster cluster(1);
    const auto blocks = decided_blocks(cluster);
    const auto channel = ledger::contract::Channel::make(cluster.genesis()).value();
    const TemporaryFolder folder;
    base::Pool pool(1);
    for (const auto& block : blocks) {
        auto chain = Chain::open(folder.path(), channel, pool, {});
        REQUIRE(code(chain) == "ok");
        REQUIRE(code((*chain)->commit(block)) == "ok");
    }
    auto chain = Chain::open(folder.path(), channel, pool, {});
    REQUIRE(code(chain) == "ok");
    CHECK(proto::as_field((*chain)->tip().hash) == cluster.client()->info()->block_hash());
    CHECK((*chain)->state().height() == blocks.size());
}

TEST_CASE("a decided block over other outcomes than this node's stops it, and the block is named") {
    Cluster cluster(1);
    const auto blocks = decided_blocks(cluster);
    const auto channel = ledger::contract::Channel::make(cluster.genesis()).value();
    const TemporaryFolder folder;
    base::Pool pool(1);
    auto chain = Chain::open(folder.path(), channel, pool, {});
    REQUIRE(code(chain) == "ok");
    REQUIRE(code((*chain)->commit(blocks[0])) == "ok");

    auto other = blocks[1];
    auto block = proto::decode<proto::Block>(other.block()).value();
    auto header = proto::decode<proto::BlockHeader>(block.header()).value();
    header.mutable_previous_outcomes_root()->at(0) ^= 1;
    header.SerializeToString(block.mutable_header());
    block.SerializeToString(other.mutable_block());
    const auto refused = (*chain)->commit(other);
    REQUIRE(code(refused) == "diverged");
    CHECK_THAT(refused.error().message, Catch::Contains("the outcomes of block 1 differ"));
    CHECK_THAT(refused.error().message, Catch::Contains("VALID"));
    CHECK((*chain)->blocks().height() == 1);
}

TEST_CASE("data of another channel, or a state without its blocks, are not opened") {
    Cluster cluster(1);
    const auto blocks = decided_blocks(cluster);
    const auto channel = ledger::contract::Channel::make(cluster.genesis()).value();
    const TemporaryFolder folder;
    base::Pool pool(1);
    {
        auto chain = Chain::open(folder.path(), channel, pool, {});
        REQUIRE(code(chain) == "ok");
        REQUIRE(code((*chain)->commit(blocks[0])) == "ok");
    }
    Cluster another(1, /*started=*/false);
    const auto other_channel = ledger::contract::Channel::make(another.genesis()).value();
    CHECK(code(Chain::open(folder.path(), other_channel, pool, {})) == "wrong_channel");
    std::filesystem::remove_all(folder / "blocks");
    const auto without_blocks = Chain::open(folder.path(), channel, pool, {});
    CHECK(code(without_blocks) == "damaged");
}
