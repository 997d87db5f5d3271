// Nodes die, come back, fall behind and find their files damaged.
#include <catch2/catch.hpp>

#include <fstream>

#include "ledger/proto/wire.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace proto = ledger::proto;

namespace {

void put(Cluster& cluster, ledger::client::Client& client, const std::string& pair) {
    const auto commit = client.submit(cluster.alice, kv("Put", pair));
    INFO(pair << ": " << (commit ? "" : commit.error().message));
    REQUIRE(code(commit) == "ok");
}

/// Flips one byte in the middle of the largest file below `folder`; answers its name.
std::string damage(const std::filesystem::path& folder) {
    std::filesystem::path largest;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        if (entry.is_regular_file() && (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)))
            largest = entry.path();
    std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(200);
    const char byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(200);
    file.put(byte);
    return largest.filename().string();
}

}  // namespace

TEST_CASE("three of four nodes go on without the fourth, which catches up when it is back") {
    Cluster cluster(4);
    const auto client = cluster.client({0});
    put(cluster, *client, "before=1");
    cluster.stop(3);
    for (int i = 0; i < 6; ++i) put(cluster, *client, "key" + std::to_string(i) + "=v");
    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(cluster.ready());
    REQUIRE(cluster.agree(client->info()->height()));
    CHECK(text(cluster.client({3})->evaluate(cluster.alice, kv("Get", "key5"))) == "v");
    // It votes again: with another node gone, the network needs it.
    cluster.stop(1);
    put(cluster, *client, "after=1");
}

TEST_CASE("a silent leader is passed over in a later round") {
    Cluster cluster(4);
    const auto client = cluster.client({0});
    put(cluster, *client, "before=1");
    cluster.stop(2);
    std::uint32_t highest_round = 0;
    for (int i = 0; i < 4; ++i) {  // each node leads one of any four heights
        const auto commit = client->submit(cluster.alice, kv("Put", "key=" + std::to_string(i)));
        REQUIRE(code(commit) == "ok");
    }
    for (std::uint64_t height = 1; height <= client->info()->height(); ++height) {
        const auto block = proto::decode<proto::Block>(client->block(height)->block());
        highest_round = std::max(highest_round, proto::decode<proto::BlockHeader>(block->header())->round());
    }
    CHECK(highest_round > 0);
}

TEST_CASE("two of four nodes commit nothing, and say that they are not available") {
    Cluster cluster(4);
    cluster.stop(2);
    cluster.stop(3);
    auto options = cluster.options({0, 1});
    options.call_timeout = 2s;
    ledger::client::Client client(cluster.loop(), options);
    REQUIRE(eventually([&] { return !cluster.health(0).ready && !cluster.health(1).ready; }));
    const auto refused = client.submit(cluster.alice, kv("Put", "a=b"));
    CHECK(code(refused) == "unavailable");
    CHECK_THAT(cluster.health(0).reason, Catch::Contains("reaches 2 of 4 nodes, 3 are needed"));
    REQUIRE(code(cluster.start(2)) == "ok");
    CHECK(code(client.submit(cluster.alice, kv("Put", "a=b"))) == "ok");
}

TEST_CASE("a client goes to the next gateway when its own is gone") {
    Cluster cluster(4);
    const auto client = cluster.client({0, 1});
    put(cluster, *client, "a=1");
    cluster.stop(0);
    put(cluster, *client, "b=2");
    CHECK(text(client->evaluate(cluster.alice, kv("Get", "b"))) == "2");

    auto options = cluster.options({0});
    options.call_timeout = 300ms;
    ledger::client::Client lost(cluster.loop(), options);
    CHECK(code(lost.submit(cluster.alice, kv("Put", "c=3"))) == "unreachable");
}

TEST_CASE("a network that was stopped goes on with all its data") {
    Cluster cluster(3);
    put(cluster, *cluster.client(), "a=1");
    REQUIRE(cluster.agree());
    for (std::size_t i = 0; i < 3; ++i) cluster.stop(i);
    for (std::size_t i = 0; i < 3; ++i) REQUIRE(code(cluster.start(i)) == "ok");
    REQUIRE(cluster.ready());
    const auto client = cluster.client();
    CHECK(text(client->evaluate(cluster.alice, kv("Get", "a"))) == "1");
    put(cluster, *client, "b=2");
    REQUIRE(cluster.agree(2));
}

TEST_CASE("private values reach a node that was down, by and by") {
    Cluster cluster(4);
    const auto client = cluster.client({0});
    cluster.stop(3);
    REQUIRE(code(client->submit(cluster.alice, kv("Hide", "share", "the secret"))) == "ok");
    CHECK(text(client->evaluate(cluster.alice, kv("Reveal", "share"))) == "the secret");
    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(cluster.ready());
    const auto late = cluster.client({3});
    CHECK(eventually([&] { return text(late->evaluate(cluster.alice, kv("Reveal", "share"))) == "the secret"; }));
}

TEST_CASE("a node with a damaged block file does not start, and names the file") {
    Cluster cluster(1);
    const auto client = cluster.client();
    for (int i = 0; i < 5; ++i) put(cluster, *client, "key" + std::to_string(i) + "=v");
    cluster.stop(0);
    const auto file = damage(cluster.folder(0) / "blocks");
    const auto started = cluster.start(0);
    REQUIRE_FALSE(started);
    CHECK(started.error().code == "damaged");
    CHECK_THAT(started.error().message, Catch::Contains(file));
}

TEST_CASE("damage in an older block file does not keep a node from starting, and is found soon after") {
    Cluster cluster(
        1, [](auto&) {}, [](auto& config) { config.segment_bytes = 4096; });
    REQUIRE(code(cluster.start(0)) == "ok");
    REQUIRE(cluster.ready());
    const auto client = cluster.client();
    for (int i = 0; i < 12; ++i) put(cluster, *client, "key" + std::to_string(i) + "=v");
    cluster.stop(0);
    const auto oldest = cluster.folder(0) / "blocks" / "00000000000000000001.blocks";
    REQUIRE(std::filesystem::exists(cluster.folder(0) / "blocks" / "00000000000000000001.index"));
    std::fstream file(oldest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-8, std::ios::end);  // of its last block
    file.write("damaged", 7);
    file.close();
    REQUIRE(code(cluster.start(0)) == "ok");
    REQUIRE(cluster.ready());
    CHECK(eventually([&] { return cluster.metrics(0).find("ledger_blocks_damaged_total 1") != std::string::npos; }));
    const auto again = cluster.client();
    int damaged = 0;
    for (std::uint64_t height = 1; height <= 12; ++height) damaged += code(again->block(height)) == "damaged" ? 1 : 0;
    CHECK(damaged == 1);
    put(cluster, *again, "on=and on");
}

TEST_CASE("a node whose vote log is gone does not vote again") {
    Cluster cluster(1);
    put(cluster, *cluster.client(), "a=1");
    cluster.stop(0);
    std::filesystem::remove(cluster.folder(0) / "votes.log");
    CHECK(code(cluster.start(0)) == "votes_lost");
}

TEST_CASE("a node that lost its state makes it anew from the blocks") {
    Cluster cluster(1);
    put(cluster, *cluster.client(), "a=1");
    cluster.stop(0);
    std::filesystem::remove_all(cluster.folder(0) / "state");
    REQUIRE(code(cluster.start(0)) == "ok");
    REQUIRE(cluster.ready());
    CHECK(text(cluster.client()->evaluate(cluster.alice, kv("Get", "a"))) == "1");
}
