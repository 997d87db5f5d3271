// Networks that lose packets: some of all, all on one node's way in, all between two halves.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "ledger/blocks/block_store.hpp"
#include "ledger/proto/wire.hpp"
#include "tests/network/consortium.hpp"
#include "tests/network/faulty_network.hpp"

using namespace fairstream;
using tests::Consortium;
using tests::FaultyNetwork;
using tests::LossProgram;
namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 4> kOrganisations = {"org1", "org2", "org3", "org4"};

fs::path node_folder(const Consortium& net, std::size_t node) {
    return net.dir() / "net" / kOrganisations.at(node) / "node1";
}

/// By node, from `network up`'s own list.
std::vector<std::uint16_t> peer_ports(const Consortium& net) {
    std::vector<std::uint16_t> out(kOrganisations.size());
    std::ifstream file(net.dir() / "net" / "run" / "ports.yaml");
    for (std::string line; std::getline(file, line);)
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto key = std::string("node1.") + kOrganisations.at(i) + ".peer: ";
            if (line.starts_with(key)) out[i] = static_cast<std::uint16_t>(std::stoi(line.substr(key.size())));
        }
    REQUIRE(std::ranges::count(out, 0) == 0);
    return out;
}

boost::json::array nodes_of(const Consortium& net) {
    return net.ok({"network", "status"}).json().at("nodes").as_array();
}

std::int64_t highest(const Consortium& net) {
    std::int64_t out = 0;
    for (const auto& node : nodes_of(net))
        if (const auto* height = node.as_object().if_contains("height")) out = std::max(out, height->as_int64());
    return out;
}

std::set<std::string> sockets_of(pid_t pid) {
    std::set<std::string> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        out.insert(fs::read_symlink(entry, error).string());
    return out;
}

/// The local ports of the connections that a process holds to `port` on this machine.
std::vector<std::uint16_t> ports_towards(pid_t pid, std::uint16_t port) {
    std::vector<std::uint16_t> out;
    const auto sockets = sockets_of(pid);
    std::ifstream table("/proc/thread-self/net/tcp");
    std::string line;
    std::getline(table, line);  // the heading
    while (std::getline(table, line)) {
        std::istringstream words(line);
        std::vector<std::string> fields(10);
        for (auto& field : fields) words >> field;
        const auto port_in = [](const std::string& address) { return std::stoi(address.substr(9), nullptr, 16); };
        if (port_in(fields[2]) == port && sockets.contains("socket:[" + fields[9] + "]"))
            out.push_back(static_cast<std::uint16_t>(port_in(fields[1])));
    }
    return out;
}

/// Nodes 0 and 1 hear each other, and 2 and 3. Spared are the connections that stand: a new one has no sender's name on
/// it, so none comes about between nodes while this lasts.
LossProgram halves(const Consortium& net) {
    const auto ports = peer_ports(net);
    const auto nodes = nodes_of(net);
    std::vector<std::uint16_t> spared;
    for (const auto& [from, to] : {std::pair{0, 1}, {1, 0}, {2, 3}, {3, 2}}) {
        const auto found = ports_towards(static_cast<pid_t>(nodes[from].at("pid").as_int64()), ports[to]);
        spared.insert(spared.end(), found.begin(), found.end());
    }
    REQUIRE_FALSE(spared.empty());
    return LossProgram::of_ports(ports, spared);
}

void wait_until_level(const Consortium& net) {
    tests::wait_until("every node has caught up", [&] {
        const auto status = net.ok({"network", "status"}).json();
        const auto& nodes = status.at("nodes").as_array();
        const auto level = [&](const auto& node) {
            const auto* height = node.as_object().if_contains("height");
            return height != nullptr && *height == nodes.front().at("height");
        };
        return status.at("ready").as_bool() && std::ranges::all_of(nodes, level);
    });
}

/// Stops everything: the nodes hold the same blocks, and each one's blocks give its state when executed again.
void check_one_history(const Consortium& net) {
    net.ok({"network", "down"});
    std::map<std::uint64_t, identity::crypto::Hash> decided;
    for (std::size_t i = 0; i < kOrganisations.size(); ++i) {
        INFO("node of " << kOrganisations.at(i));
        const auto found = net.ok({"node", "check", "--config", (node_folder(net, i) / "node.yaml").string()}).json();
        CHECK(found.at("problems").as_array().empty());
        CHECK(found.at("replayed").as_int64() == found.at("state_height").as_int64());
        const auto store = ledger::blocks::BlockStore::open(node_folder(net, i) / "data" / "blocks");
        REQUIRE(store);
        for (std::uint64_t height = 1; height <= (*store)->height(); ++height) {
            const auto read = (*store)->read(height);
            REQUIRE(read);
            const auto block = ledger::proto::decode<ledger::proto::Block>(read->block());
            REQUIRE(block);
            const auto hash = ledger::blocks::block_hash(*block);
            INFO("height " << height);
            CHECK(decided.try_emplace(height, hash).first->second == hash);
        }
    }
}

bool skipped(const FaultyNetwork& network) {
    if (!network.missing().empty()) WARN("skipped: " << network.missing());
    return !network.missing().empty();
}

/// Payments out of one account, each of another power of three, so that what was paid says which were done, and twice
/// done shows as well.
class Contest {
public:
    explicit Contest(const Consortium& net) : net_(net) {
        net.client("bob");
        net.client("acme");
        bob_ = net.balance("bob");
        acme_ = net.balance("acme");
    }
    /// As many at once as `count`, not waited for.
    void begin(int count) {
        for (int i = 0; i < count; ++i, amount_ *= 3)
            running_.emplace_back(amount_,
                                  net_.spawn({"wallet", "send", "acme", std::to_string(amount_), "--as", "bob"}));
    }
    /// Waits for the answers; how many were "done".
    int finish() {
        int done = 0;
        for (const auto& [amount, process] : running_) {
            const bool accepted = Consortium::wait_for(process).exit_code == 0;
            done_[amount] = accepted;
            if (accepted) ++done;
        }
        running_.clear();
        return done;
    }
    void check() const {
        std::int64_t paid = 0;  // one that was not acknowledged may commit between the two questions
        tests::wait_until("both accounts tell the same", [&] {
            paid = bob_ - net_.balance("bob");
            return net_.balance("acme") - acme_ == paid;
        });
        auto rest = paid;
        for (const auto& [amount, done] : done_) {  // by rising amounts
            const auto times = rest % (amount * 3) / amount;
            INFO("payment of " << amount << (done ? ", acknowledged" : ", not acknowledged"));
            CHECK(times <= 1);
            if (done) CHECK(times == 1);
            rest -= times * amount;
        }
        CHECK(rest == 0);
        net_.check_conserved();
    }

private:
    const Consortium& net_;
    std::int64_t bob_ = 0, acme_ = 0, amount_ = 1;
    std::vector<std::pair<std::int64_t, Consortium::Background>> running_;
    std::map<std::int64_t, bool> done_;
};

}  // namespace

TEST_CASE("payments commit and nodes agree where one packet in twenty is lost") {
    const FaultyNetwork network;
    if (skipped(network)) return;
    const Consortium net;
    net.up({"--operators", "0"});
    Contest contest(net);
    network.lose(LossProgram::random(0.05));
    for (int i = 0; i < 3; ++i) {
        contest.begin(3);
        contest.finish();
        net.ok({"wallet", "send", "bob", "1000", "--as", "acme"});
        net.ok({"wallet", "send", "acme", "1000", "--as", "bob"});
    }
    CHECK(network.lost() > 0);
    contest.check();
    wait_until_level(net);
    network.heal();
    check_one_history(net);
}

TEST_CASE("a node that hears nothing holds nobody up, and catches up once it hears again") {
    const FaultyNetwork network;
    if (skipped(network)) return;
    const Consortium net;
    net.up({"--operators", "0"});
    net.client("bob");
    net.client("acme");
    const auto lost = network.lost();
    network.lose(LossProgram::to_port(peer_ports(net)[2]));
    const auto before = highest(net);
    for (int i = 0; i < 4; ++i) net.ok({"wallet", "send", "acme", "1000", "--as", "bob"});
    CHECK(highest(net) > before);
    CHECK(network.lost() > lost);
    network.heal();
    wait_until_level(net);
    net.ok({"wallet", "send", "bob", "4000", "--as", "acme"});
    CHECK(net.balance("bob") == net.balance("acme"));
    net.check_conserved();
    wait_until_level(net);
    check_one_history(net);
}

TEST_CASE("two halves decide nothing apart, and go on as one history when they hear each other again") {
    const FaultyNetwork network;
    if (skipped(network)) return;
    const Consortium net;
    net.up({"--operators", "0"});
    Contest contest(net);
    contest.begin(4);
    REQUIRE(contest.finish() > 0);
    contest.begin(4);  // in flight when the halves part
    network.lose(halves(net));
    const auto parted = highest(net);
    contest.begin(4);
    // What three nodes had voted for by then may still be decided; nothing after it can be.
    CHECK_FALSE(tests::eventually([&] { return highest(net) > parted + 1; }, std::chrono::seconds(4)));
    CHECK(network.lost() > 0);
    network.heal();
    contest.finish();  // done or refused by now, and which it was counts below
    net.ok({"wallet", "send", "bob", "1", "--as", "acme"});
    net.ok({"wallet", "send", "acme", "1", "--as", "bob"});
    CHECK(highest(net) > parted);
    contest.begin(3);
    contest.finish();
    contest.check();
    wait_until_level(net);
    check_one_history(net);
}
