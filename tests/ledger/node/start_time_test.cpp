// Figures for docs/benchmarks.md; run by name, not with the other tests.
#include <catch2/catch.hpp>
#include <iostream>

#include "base/clock.hpp"
#include "identity/crypto/merkle.hpp"
#include "ledger/blocks/block_store.hpp"
#include "ledger/contract/channel.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/state/state.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace proto = ledger::proto;
namespace crypto = identity::crypto;

namespace {

/// Blocks and state of a node as they lie after so many transactions of 900 bytes, each of which wrote a key of its own
/// with 300 bytes. What the transactions say does not matter to a start.
void fill(const std::filesystem::path& folder, const crypto::Hash& genesis, std::uint64_t blocks, int per_block) {
    const auto stored = *ledger::blocks::BlockStore::open(folder / "blocks");
    const auto state = *ledger::state::StateStore::open(folder / "state");
    auto parent = genesis;
    std::uint32_t number = 0;
    for (std::uint64_t height = 1; height <= blocks; ++height) {
        ledger::state::Batch batch;
        batch.height = height;
        proto::Block block;
        std::vector<crypto::Hash> leaves;
        for (int i = 0; i < per_block; ++i) {
            block.add_transactions("transaction " + std::to_string(++number) + std::string(880, 't'));
            leaves.push_back(crypto::merkle_leaf(as_bytes(block.transactions(i))));
            const auto id = crypto::sha256(as_bytes(block.transactions(i)));
            proto::Outcome outcome;
            outcome.set_transaction_id(proto::as_field(id));
            outcome.set_code(proto::VALID);
            outcome.set_writes_hash(proto::as_field(id));
            const ledger::state::Version at{height, static_cast<std::uint32_t>(i)};
            batch.transactions.emplace_back(id, ledger::state::TransactionRecord{at, outcome});
            batch.changes.push_back({"kv/" + proto::as_field(id), Bytes(300, 'v'), at});
        }
        proto::BlockHeader header;
        header.set_channel("test");
        header.set_height(height);
        header.set_previous_hash(proto::as_field(parent));
        header.set_transactions_root(proto::as_field(crypto::merkle_root(leaves)));
        header.set_previous_outcomes_root(std::string(32, 'r'));
        header.set_time_us(base::to_us(base::wall_now()));
        header.set_proposer("node0");
        header.set_config_epoch(1);
        block.set_header(header.SerializeAsString());
        parent = ledger::blocks::block_hash(block);
        batch.block_hash = parent;
        batch.changes.push_back({"~ledger/outcomes_root", Bytes(32, 'r'), {height, 0}});
        proto::DecidedBlock decided;
        decided.set_block(block.SerializeAsString());
        REQUIRE(stored->append(height, decided));
        REQUIRE(state->apply(batch));
    }
}

}  // namespace

TEST_CASE("a start with a million transactions", "[.measure]") {
    const auto per_block = GENERATE(200, 20);
    Cluster cluster(1);
    cluster.stop(0);
    const auto channel = *ledger::contract::Channel::make(cluster.genesis());
    fill(cluster.folder(0), channel->genesis_hash(), 1'000'000u / static_cast<unsigned>(per_block), per_block);
    for (const auto* how : {"index there", "index lost"}) {
        if (how == std::string("index lost"))
            for (const auto& entry : std::filesystem::directory_iterator(cluster.folder(0) / "blocks"))
                if (entry.path().extension() == ".index") std::filesystem::remove(entry.path());
        const auto began = base::steady_now();
        REQUIRE(code(cluster.start(0)) == "ok");
        REQUIRE(eventually([&] { return cluster.health(0).ready; }));
        const std::chrono::duration<double> took = base::steady_now() - began;
        CHECK(cluster.health(0).height >= 1'000'000u / static_cast<unsigned>(per_block));
        std::cout << "1,000,000 transactions, " << per_block << " a block, " << how << ": ready after " << took.count()
                  << " s\n";
        cluster.stop(0);
    }
}
