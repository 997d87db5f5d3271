#include "network/topology.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "network/provision.hpp"
#include "tests/network/consortium.hpp"

using namespace fairstream;
using network::Layout;
using network::Topology;

TEST_CASE("a topology plans one folder per organisation, operators spread over them") {
    const auto layout = Layout::plan("/n", {.organisations = 2, .nodes_per_org = 2, .operators = 3});
    REQUIRE(layout.nodes.size() == 4);
    CHECK(layout.nodes[3].name == "node2.org2");
    CHECK(layout.nodes[3].folder == "/n/org2/node2");
    REQUIRE(layout.operators.size() == 3);
    CHECK(layout.operators[2].organisation == "org1");
    CHECK(layout.operators[2].folder == "/n/org1/op3");
}

TEST_CASE("ports are kept while they are free, and are all different") {
    tests::Consortium folder;  // for its temporary folder only
    auto layout = Layout::plan(folder.dir(), {.organisations = 4});
    std::filesystem::create_directories(layout.run_folder());
    REQUIRE(network::assign_ports(layout));
    std::set<unsigned> ports;
    for (const auto& node : layout.nodes) ports.insert({node.peer_port, node.gateway_port});
    for (const auto& storage : layout.operators) ports.insert({storage.mqtts_port, storage.https_port});
    CHECK(ports.size() == 14);
    auto again = Layout::plan(folder.dir(), {.organisations = 4});
    REQUIRE(network::assign_ports(again));
    CHECK(again.nodes[0].peer_port == layout.nodes[0].peer_port);
}

TEST_CASE("a damaged topology file is refused with its line") {
    tests::Consortium folder;
    tests::write_all(folder.file("topology.yaml"), "network: x\norganisations: 99\nnodes_per_org: 1\noperators: 3\n");
    const auto loaded = Topology::load(folder.dir());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().message.find("topology.yaml:2") != std::string::npos);
}

TEST_CASE("provisioning keeps private keys to their owner") {
    tests::Consortium folder;
    const auto layout = Layout::plan(folder.dir(), {.organisations = 1, .operators = 1});
    std::filesystem::create_directories(layout.run_folder());
    REQUIRE(network::provision(layout));
    int keys = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.dir())) {
        if (entry.path().extension() != ".key" && entry.path().filename() != "ca-key.pem") continue;
        ++keys;
        INFO(entry.path());
        CHECK((entry.status().permissions() & std::filesystem::perms(077)) == std::filesystem::perms::none);
    }
    CHECK(keys >= 6);
    CHECK_FALSE(network::provision(layout));  // never over an existing network
}

TEST_CASE("nodes that joined or left since the genesis config are in the layout, or not, after a restart too") {
    const tests::TemporaryFolder dir;
    Topology topology{.name = "n", .organisations = 2, .nodes_per_org = 1, .operators = 0};
    topology.added = {{"node1.org3", "org3"}, {"node2.org1", "org1"}, {"node1.org2", "org2"}};
    topology.removed = {"node1.org1"};
    REQUIRE(topology.save(dir.path()));
    const auto loaded = Topology::load(dir.path());
    REQUIRE(loaded);
    auto layout = Layout::plan(dir.path(), *loaded);
    CHECK(layout.organisations == std::vector<std::string>{"org1", "org2", "org3"});
    REQUIRE(layout.nodes.size() == 3);
    CHECK(layout.nodes[0].name == "node1.org2");
    CHECK(layout.nodes[0].joined);  // under another key
    CHECK(layout.nodes[1].name == "node1.org3");
    CHECK(layout.nodes[2].folder == dir.path() / "org1" / "node2");

    std::filesystem::create_directories(layout.run_folder());
    REQUIRE(network::assign_ports(layout));
    const auto kept = layout.nodes[0].peer_port;
    REQUIRE(network::assign_node_ports(layout, "node1.org3"));
    auto again = Layout::plan(dir.path(), *loaded);
    REQUIRE(network::load_ports(again));
    CHECK(again.nodes[0].peer_port == kept);
    CHECK(again.nodes[1].operations_port == layout.nodes[1].operations_port);
}
