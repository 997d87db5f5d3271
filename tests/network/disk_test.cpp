// A node whose disk has no more room.
#include <sys/resource.h>

#include <algorithm>

#include "tests/network/consortium.hpp"

using namespace fairstream;
using tests::Consortium;

namespace {

boost::json::value node_status(const Consortium& net, std::size_t node) {
    return net.ok({"network", "status"}).json().at("nodes").as_array().at(node);
}

/// The size of the largest file that a node appends to: a limit above it leaves room for its last words.
rlim_t largest_file(const tests::fs::path& folder) {
    rlim_t largest = 0;
    for (const auto& entry : tests::fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) largest = std::max<rlim_t>(largest, entry.file_size());
    return largest;
}

}  // namespace

TEST_CASE(
    "a node that cannot write stops and says which file; the others go on, and it catches up when there is room") {
    Consortium net;
    net.up({"--operators", "0"});
    net.client("bob");
    net.client("acme");
    const auto folder = net.file("net/org2/node1");
    const auto config = (folder / "node.yaml").string();
    const auto pid = static_cast<pid_t>(node_status(net, 1).at("pid").as_int64());
    REQUIRE(pid > 1);
    const auto room = largest_file(folder) + 4096;
    const rlimit limit{room, room};
    REQUIRE(::prlimit(pid, RLIMIT_FSIZE, &limit, nullptr) == 0);
    const auto pay = [&] {
        net.ok({"wallet", "send", "acme", "1000", "--as", "bob"});
        net.ok({"wallet", "send", "bob", "1000", "--as", "acme"});
    };
    tests::wait_until("the node has stopped", [&] {
        pay();
        return node_status(net, 1).at("pid").as_int64() == 0;
    });
    CHECK(node_status(net, 1).at("why").as_string() == "ended with exit code 1");
    const auto log = tests::read_all(folder / "log.txt");
    const auto said = log.substr(std::min(log.size(), log.find("this node stops: ")));
    INFO("its log: " << said);
    CHECK(said.find("io_error") != std::string::npos);
    CHECK(said.find((folder / "data").string()) != std::string::npos);
    CHECK(said.find("File too large") != std::string::npos);
    pay();
    CHECK(net.balance("bob") + net.balance("acme") == 200'000'000);
    net.check_conserved();

    net.up();
    tests::wait_until("every node is at the same height", [&] {
        const auto status = net.ok({"network", "status"}).json();
        const auto& nodes = status.at("nodes").as_array();
        const auto level = [&](const auto& node) { return node.at("height") == nodes.front().at("height"); };
        return status.at("ready").as_bool() && std::ranges::all_of(nodes, level);
    });
    net.kill_process("nodes", "node1.org4");
    pay();  // not without its vote
    net.check_conserved();
    net.ok({"network", "down"});
    const auto checked = net.ok({"node", "check", "--config", config}).json();
    CHECK(checked.at("problems").as_array().empty());
}
