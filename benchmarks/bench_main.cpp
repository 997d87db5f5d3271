// fairstream-bench: measures networks that it starts itself. Every run writes what it found, and on what machine, to
// one JSON file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "benchmarks/api_bench.hpp"
#include "benchmarks/ledger.hpp"
#include "benchmarks/live_bench.hpp"
#include "benchmarks/machine.hpp"
#include "benchmarks/measured.hpp"
#include "benchmarks/trade_bench.hpp"

namespace {

using namespace fairstream;
using benchmarks::Measured;

using Benchmark = std::function<Result<Measured>()>;

struct Values {
    std::filesystem::path json;
    benchmarks::ApiOptions api;
    benchmarks::TradeOptions trade;
    benchmarks::LiveOptions live;
    benchmarks::LedgerOptions ledger;
};

void say(const std::string& line) {
    std::cerr << line << std::endl;
}

/// A benchmark with its help, an example, and --json, which every one of them takes.
CLI::App* add(CLI::App& app, const char* name, const char* help, const char* example, Values& values, Benchmark& chosen,
              Benchmark work) {
    auto* sub = app.add_subcommand(name, help);
    sub->footer(std::string("Example:\n  fairstream-bench ") + example);
    sub->add_option("--json", values.json, "Where to write what was found");
    sub->callback([&chosen, work = std::move(work)] { chosen = work; });
    return sub;
}

void add_ledger(CLI::App& app, Values& values, Benchmark& chosen) {
    auto& options = values.ledger;
    auto* sub = add(app, "ledger", "Transactions of one read and one write, in a closed loop",
                    "ledger --nodes 4 --clients 256 --seconds 30 --value-bytes 300 --json ledger.json", values, chosen,
                    [&options] { return benchmarks::measure_ledger(options, say); });
    sub->add_option("--nodes", options.nodes, "Nodes, one per organisation")->check(CLI::Range(1, 16));
    sub->add_option("--clients", options.clients, "Clients at once")->check(CLI::Range(1, 4096));
    sub->add_option("--seconds", options.duration, "How long to measure")->check(CLI::Range(1, 3600));
    sub->add_option("--value-bytes", options.value_bytes, "Bytes that each transaction writes")
        ->check(CLI::Range(1, 262'144));
    sub->add_option("--preload-keys", options.preload_keys, "Keys that the state begins with, as a snapshot")
        ->check(CLI::Range(0, 100'000'000));
    sub->add_flag("--hot-account", options.hot_account, "Every transaction also adds to one account that all share");
    sub->add_option("--dir", options.dir, "Where to make the network's folder")->check(CLI::ExistingDirectory);
}

void add_api(CLI::App& app, Values& values, Benchmark& chosen) {
    auto& options = values.api;
    auto* sub = add(app, "api", "Requests per second of the DApp's REST interface over many offers",
                    "api --json api.json --offers 10000 --seconds 10", values, chosen,
                    [&options] { return benchmarks::measure_api(options, say); });
    sub->add_option("--offers", options.offers, "Offers made first, each by a transaction of its own")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    sub->add_option("--seconds", options.seconds, "How long each kind of request is measured")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    sub->add_option("--connections", options.connections, "Kept open, each with one request at a time")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    sub->add_option("--dir", options.dir, "Keep the network's folder here; default: a temporary one");
}

void add_trade(CLI::App& app, Values& values, Benchmark& chosen) {
    auto& options = values.trade;
    auto* sub =
        add(app, "trade", "Uploads and purchases of files, beside a plain Mosquitto that carries the same bytes",
            "trade --operators 1,3,5 --sellers 1,8 --bytes 1000,1000000 --json trade.json", values, chosen,
            [&options] { return benchmarks::measure_trade(options, say); });
    sub->add_option("--operators", options.operators, "Storage operators; a network for each number")
        ->delimiter(',')
        ->check(CLI::Range(1, 9))
        ->capture_default_str();
    sub->add_option("--sellers", options.sellers, "Sellers at once, each with a buyer")
        ->delimiter(',')
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    sub->add_option("--bytes", options.bytes, "Of each file")
        ->delimiter(',')
        ->check(CLI::Range(1, 1'000'000'000))
        ->capture_default_str();
    sub->add_option("--rounds", options.rounds, "Of each combination")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
}

void add_live(CLI::App& app, Values& values, Benchmark& chosen) {
    auto& options = values.live;
    auto* sub = add(app, "live", "Live streams from the sellers' readings to the buyers', beside a plain Mosquitto",
                    "live --streams 1,10 --rate 100 --seconds 10 --json live.json", values, chosen,
                    [&options] { return benchmarks::measure_live(options, say); });
    sub->add_option("--streams", options.streams, "Streams at once, each with a seller and a buyer")
        ->delimiter(',')
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    sub->add_option("--rate", options.rate, "Readings a second of each")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    sub->add_option("--bytes", options.bytes, "Of a reading")->check(CLI::Range(20, 1'000'000))->capture_default_str();
    sub->add_option("--seconds", options.seconds, "How long it is measured")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    sub->add_option("--key-epoch", options.key_epoch_s, "Seconds until the next key")
        ->check(CLI::Range(2, 3600))
        ->capture_default_str();
    sub->add_option("--operators", options.operators, "Storage operators")
        ->check(CLI::Range(1, 9))
        ->capture_default_str();
}

/// Figures, machine and command line, as one document.
Status write_json(const std::filesystem::path& file, const boost::json::object& machine, const std::string& command,
                  const std::string& began, Measured& measured) {
    boost::json::object all{{"command", command}, {"began", began}, {"machine", machine}};
    for (auto& member : measured.json) all[member.key()] = std::move(member.value());
    return base::write_file(file, as_bytes(boost::json::serialize(all) + "\n"));
}

int run(const Values& values, const Benchmark& chosen, const std::string& command) {
    const auto machine = benchmarks::machine();
    const auto began = base::to_rfc3339(base::wall_now());
    say(benchmarks::machine_text(machine));
    auto measured = chosen();
    auto done = measured ? Status{} : Status(fail(measured.error()));
    if (measured) {
        std::cout << measured->table << std::flush;
        if (!values.json.empty()) done = write_json(values.json, machine, command, began, *measured);
    }
    if (done) return 0;
    say(fmt::format("error: {} ({})", done.error().message, done.error().code));
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    base::init_log("fairstream-bench", base::LogLevel::kError);
    Values values;
    Benchmark chosen;
    CLI::App app("Measures Fairstream on networks of its own, next to this machine's limits in the same run");
    app.require_subcommand(1);
    app.set_version_flag("--version", "fairstream-bench 0.1.0");
    app.footer(
        "Examples:\n  fairstream-bench api --json api.json\n"
        "A table on standard output, progress on standard error. Exit codes: 0 measured, 1 failed (the reason is on "
        "standard error), 2 wrong usage.");
    add_api(app, values, chosen);
    add_ledger(app, values, chosen);
    add_live(app, values, chosen);
    add_trade(app, values, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run(values, chosen, fmt::format("{}", fmt::join(std::vector<std::string>(argv, argv + argc), " ")));
}
