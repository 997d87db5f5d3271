// What dies without a word, as the launcher's processes do, loses nothing.
#include <catch2/catch.hpp>
#include <thread>

#include "network/process.hpp"
#include "tests/marketplace_dapp/read_contents.hpp"
#include "tests/network/consortium.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;

namespace {

class Network {
public:
    Network() {
        net.up({"--orgs", "1", "--operators", "1"});
        const auto status = net.ok({"network", "status"}).json();
        connection = "host=" + std::string(status.at("postgres").at("socket_folder").as_string()) +
                     " user=fairstream dbname=postgres";
    }

    void kill(const char* what) const {
        const auto status = net.ok({"network", "status"}).json();
        const auto pid = static_cast<pid_t>(status.at(what).at("pid").as_int64());
        REQUIRE(pid > 1);
        REQUIRE(::kill(pid, SIGKILL) == 0);
        wait_until(std::string(what) + " is gone", [&] { return ::kill(pid, 0) != 0; });
    }
    /// What an account holds: what the ledger says, and what the read model says once it says anything.
    std::int64_t balance(const std::string& account) const { return net.balance(account); }
    std::int64_t read_balance(const std::string& account) const {
        const auto rows = marketplace_dapp::events::Database(connection)
                              .query("SELECT amount_micro FROM market.balances WHERE account = $1", {account});
        return rows && !rows->empty() ? std::stoll(rows->front().front().value_or("0")) : -1;
    }
    void catch_up(const std::string& account) const {
        wait_until(
            "the read model has caught up", [&] { return read_balance(account) == balance(account); }, 120s);
    }
    /// The last block that the read model holds.
    std::int64_t height() const {
        const auto rows = marketplace_dapp::events::Database(connection).query("SELECT height FROM market.checkpoint");
        return rows && !rows->empty() ? std::stoll(rows->front().front().value_or("0")) : -1;
    }

    Consortium net;
    std::string connection;
};

/// Payments between two clients, until told to stop; each is one transaction.
class Load {
public:
    Load(const Network& network, std::string from, std::string to)
        : thread_([this, &network, from = std::move(from), to = std::move(to)] {
              while (!stop_) {
                  // A gateway is asked, not the DApp: the ledger goes on without it.
                  const auto sent = network.net.run({"wallet", "send", to, "1", "--as", from});
                  if (sent.exit_code == 0) ++sent_;
              }
          }) {}
    ~Load() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    void wait_for(int more) const {
        const int from = sent_;
        wait_until(
            "the load goes on", [&] { return sent_ >= from + more; }, 120s);
    }
    int finish() {
        stop_ = true;
        thread_.join();
        return sent_;
    }

private:
    std::atomic<bool> stop_ = false;
    std::atomic<int> sent_ = 0;
    std::thread thread_;
};

/// The DApp of a network, started by this test to make the read model again, up to block `height`.
void rebuild(const Network& network, std::int64_t height) {
    network.kill("dapp");
    const auto place = network.net.dir() / "net" / "dapp";
    std::vector<network::Child> dapp{
        {.name = "dapp",
         .command = {FS_BINARY_DIR "/bin/fairstream-dapp", "--config", (place / "dapp.yaml").string(), "--rebuild"},
         .log = place / "rebuild-log.txt",
         .end = {}}};
    REQUIRE(network::start(dapp.front()));
    // Dropped and begun anew before it counts as caught up.
    wait_until("the rebuild has begun", [&] {
        return read_all(place / "rebuild-log.txt").find("holds the chain up to block 0") != std::string::npos;
    });
    wait_until(
        "the rebuild has caught up", [&] { return network.height() >= height; }, 120s);
    network::stop_all(dapp, 10s);
}

}  // namespace

TEST_CASE("DApp and PostgreSQL are killed under load, catch up, and hold what a rebuild from block 1 holds") {
    const Network network;
    const auto ann = network.net.client("ann");
    const auto bob = network.net.client("bob");
    Load load(network, "ann", bob);
    load.wait_for(3);
    network.kill("dapp");
    load.wait_for(3);
    network.net.up();  // starts again what has died
    wait_until("the DApp goes on", [&] { return network.read_balance(bob) > 100'000'003; });
    network.kill("postgres");
    load.wait_for(3);
    network.net.up();
    load.wait_for(3);
    const int sent = load.finish();
    network.catch_up(bob);
    CHECK(network.read_balance(bob) >= 100'000'000 + sent);

    // The chain is quiet now, but for the block that seals the last one and is not sealed itself.
    const auto before = read_contents(network.connection);
    rebuild(network, network.height());
    CHECK(read_contents(network.connection) == before);
}
