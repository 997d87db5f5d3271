#include "benchmarks/ledger.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "benchmarks/ledger_load.hpp"

namespace fairstream::benchmarks {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

namespace {

constexpr auto kWarmUp = 3s;
constexpr auto kFirstCommitPatience = 300s;  // a preloaded state is put in place first
constexpr auto kSettlePatience = 300s;
constexpr auto kSettleWindow = 3'000ms;
constexpr auto kVerifyFor = 2s;

/// P-256 verifications per second when all cores do nothing else, with the call that nodes make.
double verifications_per_second() {
    const auto cores = std::max(1u, std::thread::hardware_concurrency());
    const auto key = identity::crypto::SigningKey::generate();
    const auto message = identity::crypto::random_bytes(400);
    const auto signature = key.sign(message);
    std::atomic<std::uint64_t> verified{0};
    const auto began = base::steady_now();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < cores; ++i)
        threads.emplace_back([&, own = key.public_key()] {
            while (base::steady_now() - began < kVerifyFor)
                if (own.verify(message, signature)) ++verified;
        });
    for (auto& thread : threads) thread.join();
    return static_cast<double>(verified) / Seconds(base::steady_now() - began).count();
}

std::chrono::microseconds own_cpu_time() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto us = [](const timeval& time) {
        return std::chrono::microseconds(time.tv_sec * 1'000'000 + time.tv_usec);
    };
    return us(used.ru_utime) + us(used.ru_stime);
}

/// Waits for the first commit. Nothing if none comes.
std::optional<std::chrono::microseconds> first_commit(const LedgerLoad& load, std::chrono::microseconds since) {
    while (load.counts().committed == 0) {
        if (base::steady_now() - since > kFirstCommitPatience) return std::nullopt;
        std::this_thread::sleep_for(1ms);
    }
    return base::steady_now() - since;
}

/// Waits until the nodes have nothing to do: a state that was just put in place is rearranged by its store once.
void settle(const LedgerNetwork& network) {
    const auto deadline = base::steady_now() + kSettlePatience;
    auto before = network.cpu_time();
    while (base::steady_now() < deadline) {
        std::this_thread::sleep_for(kSettleWindow);
        const auto after = network.cpu_time();
        if (after - before < kSettleWindow / 10) return;
        before = after;
    }
}

struct Window {
    std::chrono::microseconds began{}, nodes_cpu{}, own_cpu{};
    LedgerLoad::Counts counts;

    static Window now(const LedgerNetwork& network, const LedgerLoad& load) {
        return {base::steady_now(), network.cpu_time(), own_cpu_time(), load.counts()};
    }
};

struct Figures {
    double seconds = 0, verify_per_s = 0, first_commit_s = 0, nodes_cpu_ms = 0, all_cpu_ms = 0;
    LedgerLoad::Counts counts;  // in the measured time
    Latencies latencies;
    std::size_t rss_bytes = 0;     // of the node that has most,
    double disk_bytes_per_tx = 0;  // too
    std::uint64_t committed_in_all = 0, verifications = 0;
    std::string failure;
};

boost::json::object to_json(const LedgerOptions& options, const Figures& found) {
    const auto committed = static_cast<double>(found.counts.committed);
    const auto all = static_cast<double>(found.committed_in_all);
    const double tps = committed / found.seconds;
    const double limit = found.verify_per_s / options.nodes;
    boost::json::object out{{"nodes", options.nodes},
                            {"clients", options.clients},
                            {"seconds", found.seconds},
                            {"value_bytes", options.value_bytes},
                            {"preload_keys", options.preload_keys},
                            {"hot_account", options.hot_account},
                            {"committed_tps", tps}};
    for (auto& member : found.latencies.to_json()) out[member.key()] = std::move(member.value());
    out["conflicts"] = found.counts.conflicts;
    out["invalid"] = found.counts.invalid;
    out["failed"] = found.counts.failed;
    out["rss_mb_max_per_node"] = static_cast<double>(found.rss_bytes) / 1e6;
    out["disk_bytes_per_tx_per_node"] = found.disk_bytes_per_tx;
    out["cpu_ms_per_tx"] = found.all_cpu_ms / committed;
    out["cpu_ms_per_tx_nodes_only"] = found.nodes_cpu_ms / committed;
    out["verify_per_s_all_cores"] = found.verify_per_s;
    out["verifies_per_tx_all_nodes"] = static_cast<double>(found.verifications) / all;
    out["limit_tps"] = limit;
    out["ratio_to_limit"] = tps / limit;
    out["first_commit_s"] = found.first_commit_s;
    return out;
}

std::string to_table(const boost::json::object& json, const std::string& failure) {
    std::string out;
    for (const auto& member : json)
        out += fmt::format(
            "{:28} {:.10g}\n", std::string_view(member.key()),
            member.value().is_bool() ? (member.value().as_bool() ? 1.0 : 0.0) : member.value().to_number<double>());
    return failure.empty() ? out : out + "a failure: " + failure + "\n";
}

}  // namespace

Result<Measured> measure_ledger(const LedgerOptions& options, const Progress& progress) {
    Figures found;
    found.verify_per_s = verifications_per_second();
    progress(fmt::format("{:.0f} verifications per second on all cores", found.verify_per_s));

    FS_ASSIGN(const auto network,
              LedgerNetwork::make(options.dir, options.nodes, {options.preload_keys, options.value_bytes}));
    LedgerLoad load(*network, {options.clients, options.value_bytes, options.preload_keys, options.hot_account});
    const auto started = base::steady_now();
    FS_TRY(network->start());
    if (options.preload_keys > 0) settle(*network);
    load.start();
    const auto first = first_commit(load, started);
    if (!first) {
        FS_TRY(network->stop());
        return fail("no_commits", "nothing was committed within 300 s of the start: " + load.failure());
    }
    found.first_commit_s = Seconds(*first).count();
    progress(fmt::format("first commit after {:.2f} s", found.first_commit_s));

    // What a preloaded state takes is no transaction's.
    const auto disk_before = network->disk_bytes_max();
    const auto committed_before = load.counts().committed;
    std::this_thread::sleep_for(kWarmUp);
    load.begin_measuring();
    const auto before = Window::now(*network, load);
    std::this_thread::sleep_for(options.duration);
    const auto after = Window::now(*network, load);
    found.latencies = load.finish();

    found.seconds = Seconds(after.began - before.began).count();
    found.nodes_cpu_ms = Seconds(after.nodes_cpu - before.nodes_cpu).count() * 1e3;
    found.all_cpu_ms = found.nodes_cpu_ms + Seconds(after.own_cpu - before.own_cpu).count() * 1e3;
    found.counts = {.committed = after.counts.committed - before.counts.committed,
                    .conflicts = after.counts.conflicts - before.counts.conflicts,
                    .invalid = after.counts.invalid - before.counts.invalid,
                    .failed = after.counts.failed - before.counts.failed};
    found.committed_in_all = load.counts().committed;
    found.rss_bytes = network->rss_bytes_max();
    found.disk_bytes_per_tx = (static_cast<double>(network->disk_bytes_max()) - static_cast<double>(disk_before)) /
                              static_cast<double>(found.committed_in_all - committed_before);
    found.failure = load.failure();
    FS_TRY(network->stop());
    FS_ASSIGN(found.verifications, network->verifications());
    auto json = to_json(options, found);
    auto table = to_table(json, found.failure);
    return Measured{.json = std::move(json), .table = std::move(table)};
}

}  // namespace fairstream::benchmarks
