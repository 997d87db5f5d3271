// Networks that lose packets: some of all, all that one node is sent by the others, all between two halves. Each node
// has an address of its own (127.0.1.x), which its links come from and lead to.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/net/http.hpp"
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

std::string host(std::size_t node) {
    return "127.0.1." + std::to_string(1 + node);
}

/// What the nodes of `senders` send to those of `receivers`.
LossProgram towards(const std::vector<std::size_t>& senders, const std::vector<std::size_t>& receivers,
                    bool and_back = false) {
    std::vector<std::pair<std::string, std::string>> cut;
    for (const auto from : senders)
        for (const auto to : receivers) {
            cut.emplace_back(host(from), host(to));
            if (and_back) cut.emplace_back(host(to), host(from));
        }
    return LossProgram::between(cut);
}

/// What only the first node's own links carry gets through: it can ask the others and hears their answers, but nobody
/// hears what another says of its own accord, such as a vote.
LossProgram votes(const Consortium& net) {
    std::vector<std::uint16_t> ports;
    for (const auto* organisation : kOrganisations)
        ports.push_back(net.port(std::string("node1.") + organisation, "peer"));
    return LossProgram::out_of({host(1), host(2), host(3)}, ports);
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

/// What the first node says of itself on its operations port.
boost::json::value health(const Consortium& net) {
    const auto roots = tests::read_all(net.dir() / "net" / "public" / "roots.pem");
    base::net::HttpClient http(roots);
    const auto url = "https://127.0.0.1:" + std::to_string(net.port("node1.org1", "operations")) + "/healthz";
    const auto answer = http.request("GET", url, {}, "", std::chrono::seconds(30));
    REQUIRE(answer);
    return boost::json::parse(answer->body);
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
    /// How many of them have been answered so far, whatever the answer.
    int answered() const {
        int out = 0;
        for (const auto& [amount, process] : running_) {
            siginfo_t ended{};
            ::waitid(P_PID, static_cast<id_t>(process.pid), &ended, WEXITED | WNOHANG | WNOWAIT);
            if (ended.si_pid != 0) ++out;
        }
        return out;
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
    /// Of the last `count` that were begun and have ended.
    int acknowledged(std::size_t count) const {
        int out = 0;
        for (auto one = done_.rbegin(); count > 0 && one != done_.rend(); ++one, --count) out += one->second ? 1 : 0;
        return out;
    }
    /// Once the nodes are level: balances are asked of any of them.
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
    wait_until_level(net);
    contest.check();
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
    network.lose(towards({0, 1, 3}, {2}));
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

TEST_CASE("payments that every node endorsed wait while no votes are heard, and commit once they are") {
    const FaultyNetwork network;
    if (skipped(network)) return;
    const Consortium net;
    net.up({"--operators", "0"});
    Contest contest(net);
    constexpr int kPayments = 2, kTries = 5;  // again if the machine stalls for longer than a client waits
    int done = 0;
    for (int i = 0; done < kPayments && i < kTries; ++i) {
        tests::wait_until("nothing is left to be sealed", [&] {
            const auto now = health(net);
            return now.at("waiting").as_int64() == 0 && now.at("sealed_height") == now.at("height");
        });
        const auto before = net.balance("bob");
        network.lose(votes(net));
        const auto height = highest(net);
        contest.begin(kPayments);
        tests::wait_until("the payments wait for a block, and the first round is over without any", [&] {
            const auto now = health(net);
            return now.at("waiting").as_int64() >= kPayments && now.at("round").as_int64() >= 1;
        });
        CHECK(highest(net) == height);
        CHECK(net.balance("bob") == before);
        CHECK(contest.answered() == 0);
        network.heal();
        done = contest.finish();
    }
    CHECK(done == kPayments);
    wait_until_level(net);
    contest.check();
    check_one_history(net);
}

TEST_CASE("two halves decide nothing apart, and go on as one history when they hear each other again") {
    const FaultyNetwork network;
    if (skipped(network)) return;
    const Consortium net;
    net.up({"--operators", "0"});
    Contest contest(net);
    contest.begin(3);  // in flight when the halves part, perhaps
    network.lose(towards({0, 1}, {2, 3}, /*and_back=*/true));
    contest.begin(2);
    contest.finish();
    CHECK(contest.acknowledged(2) == 0);
    CHECK(network.lost() > 0);
    const auto parted = highest(net);
    network.heal();
    tests::wait_until("a payment is done", [&] {
        return net.run({"wallet", "send", "bob", "1", "--as", "acme"}).exit_code == 0;
    });
    net.ok({"wallet", "send", "acme", "1", "--as", "bob"});
    CHECK(highest(net) > parted);
    contest.begin(3);
    CHECK(contest.finish() == 3);
    wait_until_level(net);
    contest.check();
    check_one_history(net);
}
