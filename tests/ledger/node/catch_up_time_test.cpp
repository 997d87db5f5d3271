// A figure for docs/benchmarks.md; run by name, not with the other tests.
#include <atomic>
#include <catch2/catch.hpp>
#include <iostream>
#include <thread>

#include "base/clock.hpp"
#include "tests/ledger/node/cluster.hpp"

using namespace fairstream;
using namespace fairstream::tests;
using namespace std::chrono_literals;

namespace {

/// Clients in a loop, each with a pause between its transactions, until stopped.
class Load {
public:
    Load(Cluster& cluster, std::size_t clients, std::chrono::milliseconds pause) {
        for (std::size_t i = 0; i < clients; ++i)
            threads_.emplace_back([this, &cluster, i, pause] {
                const auto client = cluster.client({i % 3});
                for (std::size_t n = 0; !stop_; ++n) {
                    const auto pair = "k" + std::to_string(i) + "-" + std::to_string(n) + "=" + std::string(300, 'v');
                    if (client->submit(cluster.alice, kv("Put", pair))) ++committed;
                    std::this_thread::sleep_for(pause);
                }
            });
    }
    ~Load() {
        stop_ = true;
        for (auto& thread : threads_) thread.join();
    }
    void run_until(std::uint64_t transactions) const {
        REQUIRE(eventually([&] { return committed >= transactions; }, 30min));
    }
    std::atomic<std::uint64_t> committed{0};

private:
    std::atomic<bool> stop_{false};
    std::vector<std::thread> threads_;
};

double seconds_since(std::chrono::microseconds began) {
    return std::chrono::duration<double>(base::steady_now() - began).count();
}

}  // namespace

/// Enough to outweigh what a start costs: links, the first answers of all peers.
constexpr std::uint64_t kBacklog = 30'000;
/// By then the load has found its pace.
constexpr std::uint64_t kWarmUp = 1'000;

TEST_CASE("catching up beside a live load", "[.measure]") {
    Cluster cluster(4);
    cluster.stop(3);
    std::uint64_t backlog = 0;
    double full = 0;
    {
        const auto began = base::steady_now();
        Load load(cluster, 64, 0ms);
        load.run_until(kBacklog);
        backlog = load.committed;
        full = static_cast<double>(backlog) / seconds_since(began);
    }
    // A quarter of the full rate: 64 clients that rest three times as long as they work.
    const std::chrono::milliseconds rest(static_cast<int>(3 * 64'000 / full));
    Load load(cluster, 64, rest);
    load.run_until(kWarmUp);
    const auto live_before = load.committed.load();
    const auto began = base::steady_now();
    REQUIRE(code(cluster.start(3)) == "ok");
    REQUIRE(eventually([&] { return cluster.health(3).ready; }, 120s));
    const auto took = seconds_since(began);
    const auto live = static_cast<double>(load.committed - live_before) / took;
    const auto caught_up = (static_cast<double>(backlog) + live * took) / took;
    std::cout << "full " << full << "/s; live meanwhile " << live << "/s; " << backlog << " behind, ready after "
              << took << " s: " << caught_up << "/s, " << caught_up / live << " times the live rate\n";
}
