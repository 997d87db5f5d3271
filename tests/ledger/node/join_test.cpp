// Snapshots: taken while blocks commit, agreed on through the ledger, begun with by nodes that come late; and pruning.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "ledger/blocks/block_store.hpp"
#include "ledger/order/leaders.hpp"
#include "ledger/receipt/receipt.hpp"
#include "ledger/snapshot/genesis.hpp"
#include "ledger/snapshot/statements.hpp"
#include "ledger/state/state.hpp"
#include "tests/ledger/node/liar.hpp"
#include "tests/ledger/storage/crash.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace proto = ledger::proto;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kInterval = 16;

/// Four nodes with a snapshot every 16 blocks. The fourth is for the test to start.
struct Late {
    Cluster cluster;
    std::unique_ptr<ledger::client::Client> client;
    int next = 0;

    explicit Late(const std::function<void(ledger::node::NodeConfig&)>& every_node)
        : cluster(
              4, [](auto& genesis) { genesis.mutable_limits()->set_snapshot_interval_blocks(kInterval); }, every_node) {
        for (std::size_t i = 0; i < 3; ++i) REQUIRE(code(cluster.start(i)) == "ok");
        REQUIRE(cluster.ready());
        client = cluster.client({0});
    }
    std::string put() {
        const auto pair = "key" + std::to_string(next) + "=v" + std::to_string(next);
        ++next;
        const auto commit = client->submit(cluster.alice, kv("Put", pair));
        INFO(pair << ": " << (commit ? "" : commit.error().message));
        REQUIRE(code(commit) == "ok");
        return base::to_string(commit->transaction_id);
    }
    /// What `node` offers to one that has nothing.
    proto::SnapshotOffer offer(std::size_t node) {
        const auto answer = cluster.call_peer_port(node, proto::PeerMethod::kSnapshot, {}, cluster.tls(3));
        REQUIRE(code(answer) == "ok");
        return *proto::decode<proto::SnapshotOffer>(*answer);
    }
    std::uint64_t offered(std::size_t node) {
        const auto manifest = proto::decode<proto::SnapshotManifest>(offer(node).manifest());
        return manifest ? manifest->height() : 0;
    }
    /// Commits until the first three nodes offer an agreed snapshot of at least this height.
    void grow(std::uint64_t height) {
        while (client->info()->height() < height + 2) put();
        REQUIRE(eventually([&] { return offered(0) >= height && offered(1) >= height && offered(2) >= height; }));
    }
    fs::path base_marker(std::size_t node) const { return cluster.folder(node) / "blocks" / "base"; }
    bool knows_all(std::size_t node) {
        const auto at = cluster.client({node});
        for (int i = 0; i < next; ++i)
            if (text(at->evaluate(cluster.alice, kv("Get", "key" + std::to_string(i)))) != "v" + std::to_string(i))
                return false;
        return true;
    }
};

void joins_above_ten(ledger::node::NodeConfig& config) {
    config.join_above = 10;
}

void prunes(ledger::node::NodeConfig& config) {
    config.segment_bytes = 8192;
    config.retain_blocks = 4;
    config.retain_snapshots = 1;
}

}  // namespace

TEST_CASE("nodes take the same snapshot and prove that a majority of organisations states its hash") {
    Late late(joins_above_ten);
    late.grow(kInterval);
    const auto channel = *ledger::contract::Channel::make(late.cluster.genesis());
    const auto offer = late.offer(1);
    const auto checked = ledger::snapshot::check_offer(offer, channel);
    REQUIRE(code(checked) == "ok");
    CHECK(checked->height >= kInterval);

    auto fewer = offer;
    while (fewer.receipts_size() > 2) fewer.mutable_receipts()->RemoveLast();
    CHECK(code(ledger::snapshot::check_offer(fewer, channel)) == "not_agreed");
    auto twice = fewer;
    *twice.add_receipts() = fewer.receipts(0);
    CHECK(code(ledger::snapshot::check_offer(twice, channel)) == "not_agreed");
    auto changed = offer;
    auto manifest = *proto::decode<proto::SnapshotManifest>(offer.manifest());
    manifest.set_rows(manifest.rows() + 1);
    changed.set_manifest(manifest.SerializeAsString());
    CHECK(code(ledger::snapshot::check_offer(changed, channel)) == "not_agreed");
    changed = offer;
    (*changed.mutable_receipts(0))[100] ^= 1;
    CHECK_FALSE(ledger::snapshot::check_offer(changed, channel));
    CHECK(code(ledger::snapshot::check_offer({}, channel)) == "malformed");
}

TEST_CASE("an empty node joins from a snapshot and the blocks after it, and votes") {
    Late late(joins_above_ten);
    REQUIRE(code(late.client->submit(late.cluster.alice, kv("Hide", "share", "the secret"))) == "ok");
    late.grow(2 * kInterval);
    REQUIRE(code(late.cluster.start(3)) == "ok");
    REQUIRE(late.cluster.ready());
    CHECK(fs::exists(late.base_marker(3)));
    CHECK_THAT(late.cluster.metrics(3), Catch::Contains("ledger_snapshots_installed_total"));
    CHECK(late.knows_all(3));
    const auto at_3 = late.cluster.client({3});
    CHECK(eventually([&] { return text(at_3->evaluate(late.cluster.alice, kv("Reveal", "share"))) == "the secret"; }));
    late.cluster.stop(1);  // now the network needs its vote
    late.put();
    REQUIRE(late.cluster.agree());

    // It serves what it joined with to others, and starts again from its own files.
    CHECK(late.offered(3) >= 2 * kInterval);
    late.cluster.stop(3);
    REQUIRE(code(late.cluster.start(3)) == "ok");
    REQUIRE(late.cluster.ready());
    late.put();
    CHECK(late.knows_all(3));
    // Its state can be made again from its snapshot.
    late.cluster.stop(3);
    fs::remove_all(late.cluster.folder(3) / "state");
    REQUIRE(code(late.cluster.start(3)) == "ok");
    REQUIRE(late.cluster.ready());
    CHECK(late.knows_all(3));
}

TEST_CASE("a node that joins from a snapshot knows from it whose turns are passed over") {
    Late late(joins_above_ten);
    late.grow(kInterval);
    auto& cluster = late.cluster;
    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(cluster.ready());
    cluster.stop(1);
    cluster.stop(2);  // nothing is decided any more
    REQUIRE(eventually([&] { return cluster.health(3).height == cluster.health(0).height; }));
    cluster.stop(0);
    cluster.stop(3);
    const auto absences = [&](std::size_t node) {
        const auto state = ledger::state::StateStore::open_read_only(cluster.folder(node) / "state");
        REQUIRE(code(state) == "ok");
        const auto entry = (*state)->snapshot()->get("~ledger/absences");
        REQUIRE((entry && *entry));  // the fourth node was not there when its turn came
        return **entry;
    };
    const auto there = absences(0);
    const auto here = absences(3);
    CHECK(here.value == there.value);
    CHECK(here.version == there.version);
    const auto known = ledger::order::decode_absences(here.value);
    REQUIRE(code(known) == "ok");
    REQUIRE(known->size() == 1);
    CHECK(known->front().node == cluster.name(3));
    const auto blocks = ledger::blocks::BlockStore::open(cluster.folder(3) / "blocks");
    REQUIRE(code(blocks) == "ok");
    CHECK(here.version.block <= (*blocks)->base().height);  // no block that it applied itself has told it
}

TEST_CASE("nodes prune whole segments below an agreed snapshot, and who asks for what is gone hears so") {
    Late late(prunes);
    const auto first = late.put();
    late.grow(3 * kInterval);
    REQUIRE(eventually([&] {
        return fs::exists(late.base_marker(0)) && fs::exists(late.base_marker(1)) && fs::exists(late.base_marker(2));
    }));
    const auto gone = late.client->block(1);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == "pruned");
    CHECK_THAT(gone.error().message, Catch::Contains("the oldest is"));
    CHECK(code(late.client->receipt(as_bytes(first))) == "pruned");
    CHECK(code(late.client->transaction(as_bytes(first))) == "pruned");
    CHECK(late.client->commit_status(as_bytes(first), 0ms)->known());
    CHECK(code(late.cluster.call_gateway(0, proto::GatewayMethod::kEvents, {})) == "pruned");
    const auto last = late.put();
    CHECK(code(late.client->receipt(as_bytes(last))) == "ok");

    SECTION("and a node that was not there must begin with the snapshot, however near it seems") {
        REQUIRE(code(late.cluster.start(3)) == "ok");
        REQUIRE(late.cluster.ready());
        CHECK(fs::exists(late.base_marker(3)));
        CHECK(late.knows_all(3));
    }
    SECTION("and so must one that was away when the config took its next key") {
        const auto next = identity::crypto::SigningKey::generate();
        const auto certificate = late.cluster.issue(3, identity::msp::Role::kNode, late.cluster.name(3), next);
        REQUIRE(code(late.cluster.reconfigure([&](auto& config) {
                    config.mutable_nodes(3)->set_certificate(proto::as_field(certificate.der));
                })) == "ok");
        late.grow((late.client->info()->height() / kInterval + 1) * kInterval);
        REQUIRE(code(late.cluster.start(3, [&](auto& config) {
                    config.next_key = next;
                    config.next_certificate_chain = certificate.to_pem();
                })) == "ok");
        REQUIRE(late.cluster.ready());
        CHECK(fs::exists(late.base_marker(3)));
        CHECK(late.cluster.health(3).votes);
        CHECK(late.knows_all(3));
    }
    SECTION("and they start again on what is left") {
        for (std::size_t i = 0; i < 3; ++i) late.cluster.stop(i);
        for (std::size_t i = 0; i < 3; ++i) REQUIRE(code(late.cluster.start(i)) == "ok");
        REQUIRE(late.cluster.ready());
        late.put();
        CHECK(late.knows_all(0));
    }
}

TEST_CASE("forged offers, chunks and blocks are refused, and the peer that sent them is left") {
    Late late(joins_above_ten);
    late.grow(2 * kInterval);
    std::atomic<int> lies{0};
    const auto what = GENERATE(as<std::string>(), "offer", "chunk", "block");
    INFO(what);
    const std::size_t place = what == "chunk" ? 2 : 1;  // peers are asked by turns: first for an offer, then for chunks
    late.cluster.stop(place);
    Liar liar(late.cluster, place, /*honest=*/0, [&](proto::PeerMethod method, Bytes& answer) {
        if (what == "offer" && method == proto::PeerMethod::kSnapshot) {
            auto offer = *proto::decode<proto::SnapshotOffer>(answer);
            auto manifest = *proto::decode<proto::SnapshotManifest>(offer.manifest());
            manifest.set_chunks(0, std::string(32, 'x'));
            offer.set_manifest(manifest.SerializeAsString());
            answer = ledger::proto::encode(offer);
            ++lies;
        } else if (what == "chunk" && method == proto::PeerMethod::kChunk) {
            answer[answer.size() / 2] ^= 1;
            ++lies;
        } else if (what == "block" && method == proto::PeerMethod::kBlocks) {
            auto reply = *proto::decode<proto::BlocksReply>(answer);
            for (auto& decided : *reply.mutable_blocks()) {
                auto block = *proto::decode<proto::Block>(decided.block());
                auto header = *proto::decode<proto::BlockHeader>(block.header());
                header.set_time_us(header.time_us() + 1);
                block.set_header(header.SerializeAsString());
                decided.set_block(block.SerializeAsString());
                ++lies;
            }
            answer = ledger::proto::encode(reply);
        }
    });
    // Which peer is asked first is a matter of turns and of links: the node joins anew until it was lied to.
    for (int attempt = 0; attempt < 20 && lies == 0; ++attempt) {
        late.cluster.stop(3);
        fs::remove_all(late.cluster.folder(3));
        REQUIRE(code(late.cluster.start(3, [&](auto& config) {
                    if (what == "block") config.join_above = 1'000'000;
                })) == "ok");
        REQUIRE(eventually([&] { return late.knows_all(3); }));
        CHECK(fs::exists(late.base_marker(3)) == (what != "block"));
    }
    REQUIRE(lies > 0);
    if (what != "block")
        CHECK_THAT(late.cluster.metrics(3),
                   Catch::Contains("ledger_snapshot_refused_total") && Catch::Contains(late.cluster.name(place)));
}

namespace {

/// What a node in a process of its own needs, by files in a folder.
void write_for_child(const ledger::node::NodeConfig& config, const fs::path& folder) {
    std::ofstream(folder / "genesis")
        .write(reinterpret_cast<const char*>(config.genesis.data()),
               static_cast<std::streamsize>(config.genesis.size()));
    std::ofstream(folder / "key") << config.key.to_pem();
    std::ofstream(folder / "certificate") << config.certificate_chain;
    std::ofstream ports(folder / "ports");
    ports << config.name << ' ' << config.peer_listen.port << ' ' << config.gateway_listen.port << '\n';
    for (const auto& peer : config.peers) ports << peer.name << ' ' << peer.address.port << '\n';
}

}  // namespace

/// Run by the next test in a process of its own, which a crash point ends.
TEST_CASE("joins as the fourth node", "[.]") {
    const fs::path folder = std::getenv("FAIRSTREAM_TEST_FOLDER");
    const auto read = [&](const char* name) {
        std::ifstream in(folder / name);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    ledger::node::NodeConfig config;
    config.data_folder = folder / "data";
    config.genesis = to_bytes(std::string_view(read("genesis")));
    config.key = *identity::crypto::SigningKey::from_pem(read("key"));
    config.certificate_chain = read("certificate");
    config.join_above = 10;
    std::ifstream ports(folder / "ports");
    ports >> config.name >> config.peer_listen.port >> config.gateway_listen.port;
    std::string name;
    std::uint16_t port = 0;
    while (ports >> name >> port) config.peers.push_back({name, {.host = "127.0.0.1", .port = port}});
    base::net::Loop loop;
    base::Metrics metrics;
    loop.start();
    const auto node = ledger::node::Node::start(loop, config, metrics);
    REQUIRE(code(node) == "ok");
    CHECK_FALSE(eventually([&] { return (*node)->health().ready; }, 60s));  // a crash comes first
}

TEST_CASE("a node that is killed at any step of joining goes on where it was") {
    Late late(joins_above_ten);
    late.grow(2 * kInterval);
    const TemporaryFolder folder;
    auto config = late.cluster.config(3);
    write_for_child(config, folder.path());
    for (const auto* point :
         {"snapshot.before_put", "snapshot.before_rename", "snapshot.after_rename", "blocks.before_base",
          "snapshot.installing", "snapshot.before_load", "snapshot.after_load"}) {
        INFO(point);
        crash_at(point, 1, "joins as the fourth node", folder.path());
    }
    REQUIRE(code(late.cluster.start(3, [&](auto& changed) { changed.data_folder = folder / "data"; })) == "ok");
    REQUIRE(late.cluster.ready());
    CHECK(late.knows_all(3));
    late.put();
    CHECK(late.cluster.agree());
}

TEST_CASE("receipts and snapshots are proven from genesis over every change of the config") {
    Late late(joins_above_ten);
    for (const std::uint32_t transactions : {400u, 300u})
        REQUIRE(code(late.cluster.reconfigure(
                    [&](auto& config) { config.mutable_limits()->set_max_block_transactions(transactions); })) == "ok");
    const auto id = late.put();
    const auto receipt = *late.client->receipt(as_bytes(id));
    const auto genesis = *ledger::contract::Channel::make(late.cluster.genesis());
    const auto proven = ledger::receipt::verify_receipt(genesis, receipt);
    REQUIRE(code(proven) == "ok");
    CHECK(proven->channel->epoch() == 3);
    CHECK(proven->outcome.code() == proto::VALID);
    for (std::size_t at = 0; at < receipt.size(); at += 13) {
        auto changed = receipt;
        changed[at] ^= 0x10;
        INFO("byte " << at << " of " << receipt.size());
        REQUIRE_FALSE(ledger::receipt::verify_receipt(genesis, changed));
    }
    auto skipped = *proto::decode<proto::Receipt>(receipt);
    skipped.mutable_config_updates()->DeleteSubrange(0, 1);
    CHECK(code(ledger::receipt::verify_receipt(genesis, ledger::proto::encode(skipped))) == "bad_receipt");

    late.grow(2 * kInterval);
    REQUIRE(code(late.cluster.start(3)) == "ok");
    REQUIRE(late.cluster.ready());
    CHECK(fs::exists(late.base_marker(3)));
    CHECK(late.cluster.config_in_force(3).epoch() == 3);
    CHECK(late.knows_all(3));
}

TEST_CASE("a channel begins with the snapshot that its genesis config names, and with no other") {
    const TemporaryFolder folder;
    const auto written = ledger::snapshot::write_genesis(folder / "good", "test", 1000, [](std::uint64_t i) {
        char key[16];
        std::snprintf(key, sizeof key, "key%06u", static_cast<unsigned>(i));
        return ledger::snapshot::GenesisEntry{
            .contract = "kv", .key = key, .value = to_bytes(std::string_view("preloaded"))};
    });
    REQUIRE(code(written) == "ok");
    Cluster cluster(
        4, [&](auto& genesis) { genesis.set_genesis_snapshot(ledger::proto::as_field(written->name)); },
        [&](auto& config) { config.genesis_snapshot = folder / "good"; });
    for (std::size_t i = 0; i < 4; ++i) REQUIRE(code(cluster.start(i)) == "ok");
    REQUIRE(cluster.ready());
    const auto client = cluster.client();
    CHECK(text(client->evaluate(cluster.alice, kv("Get", "key000999"))) == "preloaded");
    REQUIRE(code(client->submit(cluster.alice, kv("Append", "key000500=!"))) == "ok");
    CHECK(text(client->evaluate(cluster.alice, kv("Get", "key000500"))) == "preloaded!");
    cluster.stop(3);
    fs::remove_all(cluster.folder(3) / "state");
    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(cluster.ready());
    CHECK(text(cluster.client({3})->evaluate(cluster.alice, kv("Get", "key000500"))) == "preloaded!");

    cluster.stop(2);
    fs::remove_all(cluster.folder(2));
    CHECK(code(cluster.start(2, [](auto& config) { config.genesis_snapshot.clear(); })) == "bad_config");
    CHECK(code(cluster.start(2, [&](auto& config) { config.genesis_snapshot = folder / "none"; })) == "bad_config");
}
