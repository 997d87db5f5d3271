// The channel config changes while nodes run and clients transact.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;
namespace proto = ledger::proto;

namespace {

void remove_node(proto::ChannelConfig& config, const std::string& name) {
    auto& nodes = *config.mutable_nodes();
    nodes.erase(std::ranges::find(nodes, name, &proto::NodeEntry::name));
}

void remove_organisation(proto::ChannelConfig& config, const std::string& name) {
    auto& organisations = *config.mutable_organisations();
    organisations.erase(std::ranges::find(organisations, name, &proto::Organisation::name));
}

/// Clients that add 1 to a counter of their own until stopped: what they were told is what must stand there.
class Load {
public:
    Load(Cluster& cluster, std::vector<std::size_t> gateways, int clients) {
        for (int i = 0; i < clients; ++i)
            threads_.emplace_back([this, &cluster, gateways, i] {
                const auto client = cluster.client(gateways);
                while (!stop_) {
                    const auto done = client->submit(cluster.alice, kv("Append", counter(i) + "=x"));
                    if (done)
                        ++committed_[static_cast<std::size_t>(i)];
                    else
                        keep(done.error());
                }
            });
    }
    ~Load() { end(); }
    void end() {
        stop_ = true;
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }
    std::size_t committed(int client) const { return committed_[static_cast<std::size_t>(client)]; }
    bool every_client_commits() const {
        std::array<std::size_t, 8> before{};
        for (std::size_t i = 0; i < threads_.size(); ++i) before[i] = committed_[i];
        return eventually(
            [&] {
                for (std::size_t i = 0; i < threads_.size(); ++i)
                    if (committed_[i] <= before[i]) return false;
                return true;
            },
            30s);
    }
    std::string errors() const {
        const std::lock_guard lock(mutex_);
        return errors_;
    }
    static std::string counter(int client) { return "load" + std::to_string(client); }

private:
    void keep(const Error& error) {
        const std::lock_guard lock(mutex_);
        errors_ += error.code + ": " + error.message + "\n";
    }
    std::atomic<bool> stop_ = false;
    std::array<std::atomic<std::size_t>, 8> committed_{};
    mutable std::mutex mutex_;
    std::string errors_;
    std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("under load a fifth organisation joins with its node, and one of the first leaves") {
    Cluster cluster(4);
    Load load(cluster, {0, 1}, 3);
    REQUIRE(load.every_client_commits());

    const auto fifth = cluster.add_member();
    const auto added = cluster.reconfigure([&](auto& config) {
        *config.add_organisations() = cluster.organisation_entry(fifth);
        *config.add_nodes() = cluster.node_entry(fifth);
    });
    INFO((added ? "" : added.error().message));
    REQUIRE(code(added) == "ok");
    REQUIRE(code(cluster.start(fifth, [](auto& config) { config.joining = true; })) == "ok");
    REQUIRE(cluster.ready());
    CHECK(cluster.health(fifth).votes);
    CHECK(cluster.health(fifth).config_epoch == 2);
    REQUIRE(load.every_client_commits());

    const auto removed = cluster.reconfigure([](auto& config) {
        remove_node(config, "node3");
        remove_organisation(config, "org3");
    });
    INFO((removed ? "" : removed.error().message));
    REQUIRE(code(removed) == "ok");
    REQUIRE(eventually([&] { return cluster.health(3).config_epoch == 3; }));
    CHECK_FALSE(cluster.health(3).votes);
    CHECK_FALSE(cluster.health(3).ready);
    CHECK_THAT(cluster.health(3).reason, Catch::Contains("no member"));
    REQUIRE(load.every_client_commits());

    // Four are left, the new one among them: without another one, it is needed.
    cluster.stop(3);
    cluster.stop(2);
    REQUIRE(load.every_client_commits());
    load.end();
    INFO(load.errors());
    const auto client = cluster.client({0});
    for (int i = 0; i < 3; ++i)
        CHECK(text(client->evaluate(cluster.alice, kv("Get", Load::counter(i)))).size() == load.committed(i));
    CHECK(load.errors().empty());

    // The epochs are found again after a restart, and by who was away.
    REQUIRE(code(cluster.start(2)) == "ok");
    cluster.stop(0);
    REQUIRE(code(cluster.start(0)) == "ok");
    // Another has to make its state from the blocks again, each under the config of its height.
    cluster.stop(1);
    std::filesystem::remove_all(cluster.folder(1) / "state");
    REQUIRE(code(cluster.start(1)) == "ok");
    REQUIRE(cluster.ready());
    REQUIRE(cluster.agree());
    CHECK(cluster.health(1).config_epoch == 3);
    CHECK(cluster.health(0).config_epoch == 3);
    CHECK(cluster.health(2).config_epoch == 3);
    const auto refused = cluster.start(3);
    CHECK(code(refused) == "wrong_key");
}

TEST_CASE("a config that too few organisations' admins signed changes nothing") {
    Cluster cluster(3);
    const auto client = cluster.client({0});
    auto config = cluster.config_in_force();
    config.mutable_limits()->set_max_block_transactions(7);
    const auto submit = [&](const proto::ConfigUpdate& update) {
        return client->submit(cluster.alice, {"channel", "Configure", proto::encode(update), {}});
    };
    CHECK(code(submit(cluster.approve(config, {0}))) == "not_approved");
    auto twice = cluster.approve(config, {0, 1});
    *twice.mutable_approvals(1) = twice.approvals(0);
    CHECK(code(submit(twice)) == "bad_approval");
    auto forged = cluster.approve(config, {0, 1});
    forged.mutable_approvals(1)->set_signature(forged.approvals(0).signature());
    CHECK(code(submit(forged)) == "bad_approval");
    auto no_admin = cluster.approve(config, {0, 1});
    no_admin.mutable_approvals(0)->set_certificate(config.nodes(0).certificate());
    CHECK(code(submit(no_admin)) == "bad_approval");
    auto lost_majority = config;
    lost_majority.mutable_nodes()->DeleteSubrange(1, 2);
    CHECK(code(submit(cluster.approve(lost_majority, {0, 1}))) == "bad_config");
    CHECK(cluster.config_in_force().epoch() == 1);

    const auto good = cluster.approve(config, {0, 2});
    CHECK(code(submit(good)) == "ok");
    CHECK(cluster.config_in_force().limits().max_block_transactions() == 7);
    CHECK(code(submit(good)) == "wrong_epoch");  // approvals count once
}

TEST_CASE("a node takes its next key when the config lists it, without stopping") {
    Cluster cluster(4);
    const auto next = identity::crypto::SigningKey::generate();
    const auto certificate = cluster.issue(1, identity::msp::Role::kNode, cluster.name(1), next);
    cluster.stop(1);
    const auto with_next = [&](auto& config) {
        config.next_key = next;
        config.next_certificate_chain = certificate.to_pem();
    };
    REQUIRE(code(cluster.start(1, with_next)) == "ok");
    REQUIRE(cluster.ready());
    const auto changed = cluster.reconfigure(
        [&](auto& config) { config.mutable_nodes(1)->set_certificate(proto::as_field(certificate.der)); });
    INFO((changed ? "" : changed.error().message));
    REQUIRE(code(changed) == "ok");
    REQUIRE(eventually([&] { return cluster.health(1).config_epoch == 2; }));
    CHECK(cluster.health(1).votes);
    // Its vote is needed now, and its links are good under the new certificate.
    cluster.stop(3);
    const auto client = cluster.client({0});
    REQUIRE(code(client->submit(cluster.alice, kv("Put", "a=1"))) == "ok");
    // The old key is worth nothing any more; the new one is found again.
    cluster.stop(1);
    CHECK(code(cluster.start(1)) == "wrong_key");
    REQUIRE(code(cluster.start(1, with_next)) == "ok");
    REQUIRE(code(client->submit(cluster.alice, kv("Put", "a=2"))) == "ok");
}

namespace {

/// A node's keys one after another, each with its certificate.
struct Renewed {
    identity::crypto::SigningKey key = identity::crypto::SigningKey::generate();
    identity::msp::MemberCertificate certificate;

    Renewed(const Cluster& cluster, std::size_t node)
        : certificate(cluster.issue(node, identity::msp::Role::kNode, cluster.name(node), key)) {}
    void list(proto::ChannelConfig& config, int node) const {
        config.mutable_nodes(node)->set_certificate(proto::as_field(certificate.der));
    }
    void use(ledger::node::NodeConfig& config) const {
        config.key = key;
        config.certificate_chain = certificate.to_pem();
    }
    void use_next(ledger::node::NodeConfig& config) const {
        config.next_key = key;
        config.next_certificate_chain = certificate.to_pem();
    }
    base::net::TlsConfig tls(const Cluster& cluster) const {
        return {certificate.to_pem(), key.to_pem(), cluster.roots()};
    }
};

/// Four nodes; the second is stopped, and misses what follows.
struct Away {
    Cluster cluster{4};
    std::unique_ptr<ledger::client::Client> client = cluster.client({0});

    Away() {
        put();
        REQUIRE(cluster.agree());
        cluster.stop(1);
    }
    void put() { REQUIRE(code(client->submit(cluster.alice, kv("Put", "a=1"))) == "ok"); }
    void change(const std::function<void(proto::ChannelConfig&)>& change) {
        const auto changed = cluster.reconfigure(change);
        INFO((changed ? "" : changed.error().message));
        REQUIRE(code(changed) == "ok");
    }
    void list(const Renewed& renewed) {
        change([&](auto& config) { renewed.list(config, 1); });
    }
    void require_its_vote() {
        REQUIRE(cluster.ready());
        CHECK(cluster.health(1).votes);
        cluster.stop(3);
        put();
    }
};

}  // namespace

TEST_CASE("a node that was away when the config took its next key hears of it with its old one, and votes") {
    Away away;
    const Renewed next(away.cluster, 1);
    away.list(next);
    away.change([](auto& config) { config.mutable_limits()->set_max_block_transactions(400); });
    away.put();
    REQUIRE(code(away.cluster.start(1, [&](auto& config) { next.use_next(config); })) == "ok");
    REQUIRE(eventually([&] { return away.cluster.health(1).config_epoch == 3; }));
    away.require_its_vote();
}

TEST_CASE("a node that was away while two keys followed each other begins with what the config lists now") {
    Away away;
    const Renewed second(away.cluster, 1);
    const Renewed third(away.cluster, 1);
    away.list(second);
    away.list(third);
    away.put();
    SECTION("with the last two of its keys") {
        REQUIRE(code(away.cluster.start(1, [&](auto& config) {
                    second.use(config);
                    third.use_next(config);
                    config.joining = true;
                })) == "ok");
        away.require_its_vote();
    }
    SECTION("with the last alone") {
        REQUIRE(code(away.cluster.start(1, [&](auto& config) {
                    third.use(config);
                    config.joining = true;
                })) == "ok");
        away.require_its_vote();
    }
    SECTION("without the last it follows, does not vote, and says why") {
        REQUIRE(code(away.cluster.start(1, [&](auto& config) { second.use_next(config); })) == "ok");
        const auto height = away.cluster.health(0).height;
        REQUIRE(eventually([&] { return away.cluster.health(1).height >= height; }));
        CHECK_FALSE(away.cluster.health(1).votes);
        CHECK_THAT(away.cluster.health(1).reason, Catch::Contains("has another key there"));
    }
}

TEST_CASE("with a key that an earlier config listed, a node's links serve to read the chain and nothing else") {
    Away away;
    const Renewed next(away.cluster, 1);
    const auto ask = [&](proto::PeerMethod method, const Bytes& payload, const base::net::TlsConfig& tls) {
        return code(away.cluster.call_peer_port(0, method, payload, tls));
    };
    proto::BlocksRequest blocks;
    blocks.set_from(1);
    blocks.set_max_bytes(1);
    const auto first_block = ledger::proto::encode(blocks);
    const auto old_tls = away.cluster.tls(1);
    const auto private_values = ledger::proto::encode(proto::PrivateRequest{});
    CHECK(ask(proto::PeerMethod::kBlocks, first_block, next.tls(away.cluster)) == "unknown_peer");
    CHECK(ask(proto::PeerMethod::kPrivate, private_values, old_tls) == "ok");

    away.list(next);
    CHECK(ask(proto::PeerMethod::kBlocks, first_block, old_tls) == "ok");
    CHECK(ask(proto::PeerMethod::kSnapshot, {}, old_tls) == "ok");
    CHECK(ask(proto::PeerMethod::kPrivate, private_values, old_tls) == "unknown_peer");
    CHECK(ask(proto::PeerMethod::kEndorse, {}, old_tls) == "unknown_peer");
    CHECK(ask(proto::PeerMethod::kPrivate, private_values, next.tls(away.cluster)) == "ok");
    const Renewed never_listed(away.cluster, 1);
    CHECK(ask(proto::PeerMethod::kBlocks, first_block, never_listed.tls(away.cluster)) == "unknown_peer");

    away.change([](auto& config) { remove_node(config, "node1"); });
    CHECK(ask(proto::PeerMethod::kBlocks, first_block, old_tls) == "unknown_peer");
    CHECK(ask(proto::PeerMethod::kBlocks, first_block, next.tls(away.cluster)) == "unknown_peer");
}

TEST_CASE("a node that missed its own removal gets no blocks, and says what its peers say") {
    Away away;
    const bool with_organisation = GENERATE(false, true);
    INFO("with its organisation: " << with_organisation);
    away.change([&](auto& config) {
        remove_node(config, "node1");
        if (with_organisation) remove_organisation(config, "org1");
    });
    REQUIRE(code(away.cluster.start(1)) == "ok");
    // TLS refuses a removed organisation's certificate; its alert ("unknown ca") may be lost with the connection.
    const auto* const why = with_organisation ? "reaches 1 of 4 nodes, 3 are needed; no connection to 127.0.0.1:"
                                              : "config epoch 2 has removed it";
    REQUIRE(eventually([&] { return away.cluster.health(1).reason.find(why) != std::string::npos; }));
    CHECK_FALSE(away.cluster.health(1).ready);
    CHECK(away.cluster.health(1).config_epoch == 1);
    away.put();
    CHECK(away.cluster.health(1).height < away.cluster.health(0).height);
}

TEST_CASE("a certificate is renewed for the same key while the node runs") {
    Cluster cluster(4);
    const auto config = cluster.config(2);
    const auto renewed = cluster.issue(2, identity::msp::Role::kNode, cluster.name(2), config.key);
    REQUIRE(code(cluster.use_certificate(2, renewed.to_pem())) == "ok");
    cluster.stop(3);
    const auto client = cluster.client({2, 0});
    CHECK(code(client->submit(cluster.alice, kv("Put", "a=1"))) == "ok");
    const auto another = identity::crypto::SigningKey::generate();
    CHECK(code(cluster.use_certificate(
              2, cluster.issue(2, identity::msp::Role::kNode, cluster.name(2), another).to_pem())) == "wrong_key");
}
