// The channel config changed from the command line, while the network trades.
#include <atomic>
#include <thread>

#include "base/net/http.hpp"
#include "ledger/order/evidence.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/network/consortium.hpp"

using namespace fairstream;
using tests::Consortium;

namespace {

/// Pays back and forth until it ends; every payment must succeed.
class Payments {
public:
    explicit Payments(const Consortium& net) : net_(net) {
        thread_ = std::thread([this] {
            while (!stop_) {
                const bool there = count_ % 2 == 0;
                const auto ran =
                    net_.run({"wallet", "send", there ? "acme" : "bob", "1000", "--as", there ? "bob" : "acme"});
                if (ran.exit_code != 0) errors_ += ran.err;
                ++count_;
            }
        });
    }
    ~Payments() { end(); }
    std::string end() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        return errors_;
    }
    void go_on() const {
        const auto before = count_.load();
        tests::wait_until("payments go on", [&] { return count_ >= before + 2; });
    }

private:
    const Consortium& net_;
    std::atomic<bool> stop_ = false;
    std::atomic<std::size_t> count_ = 0;
    std::string errors_;
    std::thread thread_;
};

std::size_t nodes(const Consortium& net) {
    return net.ok({"config", "show"}).json().at("nodes").as_array().size();
}

std::string operations_url(const Consortium& net, const std::string& node) {
    return "https://127.0.0.1:" + std::to_string(net.port(node, "operations"));
}

}  // namespace

TEST_CASE("a fifth organisation joins a trading network and one of the first leaves, and credits are conserved") {
    Consortium net;
    net.up({"--operators", "0"});
    net.client("acme");
    net.client("bob");
    Payments payments(net);
    payments.go_on();
    CHECK(nodes(net) == 4);

    net.ok({"network", "add-node", "org5"});
    CHECK(nodes(net) == 5);
    payments.go_on();
    net.ok({"network", "remove-node", "node1.org4"});
    CHECK(nodes(net) == 4);
    payments.go_on();
    // The new one's vote is needed when another is gone.
    net.kill_process("nodes", "node1.org3");
    payments.go_on();
    CHECK(payments.end() == "");
    net.check_conserved();
    CHECK(net.balance("acme") + net.balance("bob") == 200'000'000);

    net.ok({"network", "down"});
    net.up();
    const auto shown = net.ok({"config", "show"}).json();
    CHECK(shown.at("epoch").as_int64() == 3);
    CHECK(net.ok({"network", "status"}).json().at("nodes").as_array().size() == 4);
    net.check_conserved();
}

TEST_CASE("a limit is changed by three admins' signatures, and not by two") {
    Consortium net;
    net.up({"--operators", "0"});
    const auto change = net.file("change.bin").string();
    const auto proposed = net.ok({"config", "propose", "--limit", "max_block_transactions=321", "-o", change}).json();
    CHECK(proposed.at("changes").at(0).as_string() == "~ max_block_transactions: 1000 -> 321");
    CHECK(proposed.at("approvals_needed").as_int64() == 3);
    net.ok({"config", "sign", change, "--organisation", "org1"});
    net.ok({"config", "sign", change, "--organisation", "org1"});  // counts once
    net.ok({"config", "sign", change, "--admin", net.file("net/org2/admin").string()});
    const auto refused = net.run({"config", "submit", change});
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("not_approved") != std::string::npos);
    const auto signed_by = net.ok({"config", "sign", change, "--organisation", "org4"}).json();
    CHECK(signed_by.at("approved_by").as_array().size() == 3);
    net.ok({"config", "submit", change});
    CHECK(net.ok({"config", "show"}).json().at("limits").at("max_block_transactions").as_int64() == 321);
    const auto again = net.run({"config", "submit", change});
    CHECK(again.err.find("wrong_epoch") != std::string::npos);

    const auto wrong = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"config", "propose", "-o", change});
        return net.run(std::move(arguments)).err;
    };
    CHECK(wrong({"--limit", "speed=9"}).find("unknown_limit") != std::string::npos);
    CHECK(wrong({"--remove-node", "nobody"}).find("not_found") != std::string::npos);
    CHECK(wrong({"--endorsing", "2"}).find("endorsing_organisations: 2 is not above half of 4") != std::string::npos);
}

namespace {

/// A COMMIT of node1.org3 for a block of height 7 that nobody has proposed.
ledger::proto::SignedOrderMessage commit_for(const Consortium& net, char block) {
    const auto shown = net.ok({"config", "show"}).json();
    ledger::proto::OrderMessage body;
    body.set_config_epoch(static_cast<std::uint64_t>(shown.at("epoch").as_int64()));
    body.mutable_commit()->set_height(7);
    body.mutable_commit()->set_block_hash(std::string(32, block));
    ledger::proto::SignedOrderMessage message;
    message.set_node("node1.org3");
    message.set_body(body.SerializeAsString());
    const auto key = identity::crypto::SigningKey::load(net.file("net/org3/node1/node.key")).value();
    const auto sign = ledger::order::sign_with(key, std::string(shown.at("channel").as_string()));
    message.set_signature(ledger::proto::as_field(sign(as_bytes(message.body()))));
    return message;
}

}  // namespace

TEST_CASE("evidence of a double vote is shown by inspection, and what proves nothing fails the check") {
    Consortium net;
    net.up({"--operators", "0"});
    const auto config = net.file("net/org2/node1/node.yaml").string();
    const auto first = commit_for(net, 'a');
    auto second = commit_for(net, 'b');
    net.kill_process("nodes", "node1.org2");
    CHECK(net.ok({"node", "inspect", "--config", config}).json().at("evidence").as_array().empty());

    auto store = ledger::order::EvidenceStore::open(net.file("net/org2/node1/data/evidence")).value();
    REQUIRE(store.keep({first, second}).value());
    for (const auto* verb : {"inspect", "check"}) {
        const auto found = net.ok({"node", verb, "--config", config}).json();
        CHECK(found.at("problems").as_array().empty());
        REQUIRE(found.at("evidence").as_array().size() == 1);
        const auto& proof = found.at("evidence").at(0);
        CHECK(proof.at("node").as_string() == "node1.org3");
        CHECK(proof.at("at").as_string() == "height 7, round 0, COMMIT");
        CHECK(proof.at("config_epoch").as_int64() == 1);
        CHECK(proof.at("proven").as_bool());
    }

    tests::fs::remove_all(net.file("net/org2/node1/data/evidence"));
    store = ledger::order::EvidenceStore::open(net.file("net/org2/node1/data/evidence")).value();
    second.set_signature(first.signature());
    REQUIRE(store.keep({first, second}).value());
    CHECK_FALSE(net.ok({"node", "inspect", "--config", config}).json().at("evidence").at(0).at("proven").as_bool());
    const auto checked = net.run({"node", "check", "--config", config});
    CHECK(checked.exit_code == 1);
    CHECK_THAT(checked.err,
               Catch::Contains("the two votes kept of node1.org3 for height 7, round 0, COMMIT prove nothing"));
}

TEST_CASE("health, metrics, renewed keys, backup and restore of a running network's nodes") {
    Consortium net;
    net.up({"--operators", "0"});
    net.client("bob");
    const auto roots = tests::read_all(net.file("net/public/roots.pem"));
    base::net::HttpClient http(roots);
    const auto get = [&](const std::string& node, const std::string& path) {
        auto answer = http.request("GET", operations_url(net, node) + path, {}, "", std::chrono::seconds(5));
        return answer ? std::move(*answer)
                      : base::net::HttpResponse{.status = 0, .headers = {}, .body = answer.error().code};
    };

    const auto health = boost::json::parse(get("node1.org1", "/healthz").body);
    CHECK(health.at("ready").as_bool());
    CHECK(health.at("live").as_bool());
    CHECK(health.at("votes").as_bool());
    CHECK(health.at("height").as_int64() >= 1);
    const auto metrics = get("node1.org1", "/metrics").body;
    CHECK(metrics.find("ledger_height") != std::string::npos);
    CHECK(metrics.find("fairstream_certificate_remaining_seconds{what=\"certificate of node1.org1\"}") !=
          std::string::npos);
    CHECK(get("node1.org1", "/other").status == 404);

    // A certificate is renewed under the running node.
    const auto until = std::string(health.at("certificate_until").as_string());
    net.ok({"network", "renew-node", "node1.org1"});
    tests::wait_until("the new certificate is in use", [&] {
        return boost::json::parse(get("node1.org1", "/healthz").body).at("certificate_until").as_string() != until;
    });
    net.ok({"network", "renew-custodian", "org1"});
    CHECK(net.ok({"config", "show"}).json().at("epoch").as_int64() == 2);

    // A node's disk is lost; its backup comes back under a new key.
    const auto config = net.file("net/org2/node1/node.yaml").string();
    const auto backup = net.file("backup").string();
    CHECK(net.run({"node", "backup", "--config", config, "--to", backup}).err.find("in_use") != std::string::npos);
    net.kill_process("nodes", "node1.org2");
    const auto inspected = net.ok({"node", "check", "--config", config}).json();
    CHECK(inspected.at("problems").as_array().empty());
    CHECK(inspected.at("replayed").as_int64() >= 1);
    net.ok({"node", "backup", "--config", config, "--to", backup});
    for (const auto* kept_out : {"votes.log", "votes.guard", "node.key"})
        CHECK_FALSE(tests::fs::exists(tests::fs::path(backup) / kept_out));
    tests::fs::remove_all(net.file("net/org2/node1/data"));
    CHECK(net.run({"node", "restore", "--config", config, "--from", backup}).err.find("old_key") != std::string::npos);

    net.ok({"network", "new-node-key", "node1.org2"});
    net.ok({"node", "restore", "--config", config, "--from", backup});
    net.up();
    tests::wait_until("the restored node votes", [&] {
        const auto answer = get("node1.org2", "/healthz");
        return answer.status == 200 && boost::json::parse(answer.body).at("votes").as_bool();
    });
    net.kill_process("nodes", "node1.org3");
    net.ok({"wallet", "faucet", "5", "--as", "bob"});
    net.check_conserved();

    // Without a quorum a node says what it lacks, and goes on when it is there again.
    net.kill_process("nodes", "node1.org4");
    tests::wait_until("the loss is noticed", [&] { return get("node1.org1", "/healthz").status == 503; });
    const auto lost = boost::json::parse(get("node1.org1", "/healthz").body);
    CHECK(lost.at("live").as_bool());
    // What its last calls met with may follow.
    CHECK(std::string(lost.at("why").as_string()).starts_with("this node reaches 2 of 4 nodes, 3 are needed"));
    CHECK(get("node1.org1", "/livez").status == 200);
    net.up();
    tests::wait_until("it is ready again", [&] { return get("node1.org1", "/healthz").status == 200; });
}

TEST_CASE("what was dealt to custodians' former keys is still sold, and new streams are dealt to the new ones") {
    Consortium net;
    net.up();
    net.seller("acme");
    net.client("bob");
    const auto data = tests::noise(200'000, 1);
    tests::write_all(net.file("in"), data);
    const auto upload = [&](const std::string& topic) {
        const auto offer = net.offer("acme", topic, "1000000");
        net.ok({"upload", net.file("in").string(), "--as", "acme", "--offer", offer});
        return offer;
    };
    const auto buy_and_fetch = [&](const std::string& offer) {
        const auto purchase = net.ok({"buy", offer, "--as", "bob"}).text("purchase");
        net.ok({"fetch", purchase, "-o", net.file("out").string(), "--as", "bob"});
        return tests::read_all(net.file("out")) == data;
    };
    const auto before = upload("factory/before");
    // Three of four custodians open a key: with two renewed, at least one of their keys is needed for either.
    net.ok({"network", "renew-custodian", "org1"});
    net.ok({"network", "renew-custodian", "org2"});
    CHECK(buy_and_fetch(before));
    CHECK(buy_and_fetch(upload("factory/after")));
    net.check_conserved();
}
