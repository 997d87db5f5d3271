// Processes that stand still: neither dead nor answering.
#include <algorithm>

#include "tests/network/consortium.hpp"

using namespace fairstream;
using tests::Consortium;

namespace {

/// Stops a process for as long as it lives (SIGSTOP), and lets it go on.
class Stopped {
public:
    explicit Stopped(pid_t pid) : pid_(pid) { REQUIRE(::kill(pid_, SIGSTOP) == 0); }
    ~Stopped() { ::kill(pid_, SIGCONT); }
    Stopped(const Stopped&) = delete;
    Stopped& operator=(const Stopped&) = delete;

private:
    pid_t pid_;
};

pid_t pid_of(const Consortium& net, std::size_t node) {
    const auto status = net.ok({"network", "status"}).json();
    return static_cast<pid_t>(status.at("nodes").as_array().at(node).at("pid").as_int64());
}

}  // namespace

TEST_CASE("payments go on whichever node stands still, and it catches up when it moves again") {
    Consortium net;
    net.up();
    net.client("bob");
    net.client("acme");
    const auto before = net.balance("bob") + net.balance("acme");
    // By turns each node leads; whoever it is stands still while several blocks are decided.
    for (const std::size_t node : {0, 2}) {
        const Stopped stopped(pid_of(net, node));
        for (int i = 0; i < 3; ++i) {
            net.ok({"wallet", "send", "acme", "1000", "--as", "bob"});
            net.ok({"wallet", "send", "bob", "1000", "--as", "acme"});
        }
    }
    CHECK(net.balance("bob") + net.balance("acme") == before);
    net.check_conserved();
    tests::wait_until("every node has caught up", [&] {
        const auto status = net.ok({"network", "status"}).json();
        const auto& nodes = status.at("nodes").as_array();
        const auto level = [&](const auto& node) { return node.at("height") == nodes.front().at("height"); };
        return status.at("ready").as_bool() && std::ranges::all_of(nodes, level);
    });
}
