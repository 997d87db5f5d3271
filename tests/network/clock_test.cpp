// A node whose clock is wrong: a little, and far.
#include <sys/prctl.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "marketplace_dapp/client/buyer.hpp"
#include "tests/network/consortium.hpp"

using namespace fairstream;
using tests::Consortium;
using tests::read_all;

namespace {

const std::string kName = "node1.org2";

/// A node of the network, in place of the one that is running, with a clock that is ahead by `seconds`.
class SkewedNode {
public:
    SkewedNode(const Consortium& net, int seconds) : log_(net.file("skewed" + std::to_string(seconds) + ".log")) {
        net.kill_process("nodes", kName);
        const auto config = net.file("net/org2/node1/node.yaml");
        const auto offset = std::to_string(seconds);
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
        ::dup2(::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
        ::setenv("FS_TEST_CLOCK_OFFSET", offset.c_str(), 1);
        ::setenv("LD_PRELOAD", FS_BINARY_DIR "/tests/skewed_clock.so", 1);
        ::setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);  // a sanitizer's library wants to be the first
        ::execl(FS_BINARY_DIR "/bin/fairstream-node", "fairstream-node", "--config", config.c_str(), nullptr);
        ::_exit(127);
    }
    ~SkewedNode() { end(SIGKILL); }
    SkewedNode(const SkewedNode&) = delete;
    SkewedNode& operator=(const SkewedNode&) = delete;

    std::string log() const { return read_all(log_); }
    bool runs() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }
    /// Its exit code.
    int end(int signal = SIGTERM) {
        if (pid_ <= 0) return -1;
        int status = 0;
        ::kill(pid_, signal);
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    tests::fs::path log_;
    pid_t pid_ = -1;
};

namespace client = marketplace_dapp::client;

/// Someone who asks nobody but the node.
class Newcomer {
public:
    explicit Newcomer(const Consortium& net) {
        loop_.start();
        auto profile = client::Profile::load(net.file("net"));
        REQUIRE(profile);
        std::erase_if(profile->gateways, [](const auto& gateway) { return gateway.server_name != kName; });
        REQUIRE(profile->gateways.size() == 1);
        connection_ = std::make_unique<client::Connection>(loop_, std::move(*profile));
    }

    /// The node's height; 0: it does not answer.
    std::uint64_t height() const {
        const auto info = connection_->ledger().info();
        return info ? info->height() : 0;
    }
    client::Buyer buyer() const { return {*connection_, identity::crypto::SigningKey::generate()}; }

private:
    base::net::Loop loop_;
    std::unique_ptr<client::Connection> connection_;
};

void pay(const Consortium& net) {
    net.ok({"wallet", "send", "acme", "1000", "--as", "bob"});
    net.ok({"wallet", "send", "bob", "1000", "--as", "acme"});
}

std::uint64_t height_of_first(const Consortium& net) {
    return net.ok({"network", "status"}).json().at("nodes").as_array().front().at("height").to_number<std::uint64_t>();
}

void wait_until_level(const Consortium& net) {
    tests::wait_until("every node is at the same height", [&] {
        const auto status = net.ok({"network", "status"}).json();
        const auto& nodes = status.at("nodes").as_array();
        const auto level = [&](const auto& node) { return node.at("height") == nodes.front().at("height"); };
        return status.at("ready").as_bool() && std::ranges::all_of(nodes, level);
    });
}

}  // namespace

TEST_CASE("a node whose clock is 3 s ahead takes part: without its vote nothing would be committed") {
    Consortium net;
    net.up({"--operators", "0"});
    net.client("bob");
    net.client("acme");
    SkewedNode node(net, 3);
    const Newcomer newcomer(net);
    tests::wait_until("the node has caught up", [&] { return newcomer.height() >= height_of_first(net); });
    net.kill_process("nodes", "node1.org4");
    for (int i = 0; i < 3; ++i) pay(net);
    CHECK(net.balance("bob") + net.balance("acme") == 200'000'000);
    net.check_conserved();
    CHECK(node.runs());
    CHECK(node.end() == 0);
    net.up();
    wait_until_level(net);
    net.check_conserved();
}

TEST_CASE("a node whose clock is far off harms nobody, says why it refuses, and is level once it is right again") {
    const int offset = GENERATE(45, -75);
    INFO("its clock is ahead by " << offset << " s");
    Consortium net;
    net.up({"--operators", "0"});
    net.client("bob");
    net.client("acme");
    SkewedNode node(net, offset);
    const Newcomer newcomer(net);
    // As often as it takes a proposal to reach it before the decision of the others does.
    tests::wait_until("it says what is wrong with the others' blocks", [&] {
        pay(net);
        return node.log().find("clock_skew") != std::string::npos;
    });
    tests::wait_until("it follows the decisions of the others",
                      [&] { return newcomer.height() >= height_of_first(net); });
    auto buyer = newcomer.buyer();
    const auto asked = buyer.balance("bob");  // of this node's own state
    REQUIRE(!asked);
    CHECK(asked.error().code == "clock_skew");
    CHECK(asked.error().message.find(" s from this node's clock, at most 30 are allowed") != std::string::npos);
    // What is submitted through it is endorsed by the three others, which are enough. At more than a minute it can
    // believe of no block to come that it would be in time.
    if (offset == 45) {
        tests::wait_until("it registers a newcomer", [&] {
            const auto registered = buyer.register_client({});
            if (!registered) UNSCOPED_INFO(registered.error().code << ": " << registered.error().message);
            return registered.has_value();
        });
    } else {
        const auto late = buyer.register_client({});
        REQUIRE(!late);
        CHECK(late.error().code == "time_out_of_range");
        CHECK_THAT(late.error().message, Catch::Contains("at most 60 s are allowed, by this node's clock") &&
                                             Catch::Contains("ask another node"));
    }
    for (int i = 0; i < 2; ++i) pay(net);
    CHECK(net.balance("bob") + net.balance("acme") == 200'000'000);
    net.check_conserved();
    // Two are not, and the client hears who refused and why.
    net.kill_process("nodes", "node1.org4");
    const auto refused = newcomer.buyer().register_client({});
    REQUIRE(!refused);
    CHECK(refused.error().code == "endorsement_mismatch");
    CHECK_THAT(refused.error().message, Catch::Contains("org2 refuses (clock_skew: ") &&
                                            Catch::Contains("this node's is wrong; set it, or ask another node") &&
                                            Catch::Contains("org4 did not endorse"));
    INFO(node.log());
    CHECK(node.runs());
    CHECK(node.end() == 0);

    net.up();
    wait_until_level(net);
    pay(net);
    net.check_conserved();
    net.kill_process("nodes", kName);
    net.ok({"node", "check", "--config", net.file("net/org2/node1/node.yaml").string()});
}
