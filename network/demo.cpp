#include "network/demo.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "base/file.hpp"
#include "network/demo_stream.hpp"
#include "network/demo_trade.hpp"
#include "network/scratch_network.hpp"
#include "network/supervisor.hpp"

namespace fairstream::network {

namespace fs = std::filesystem;
using marketplace_dapp::client::Connection;
using marketplace_dapp::client::Profile;

namespace {

constexpr unsigned kSensorSeconds = 3;

Result<fs::path> demo_input(const DemoOptions& options, const fs::path& dir, DemoReport& report) {
    if (!options.input.empty()) return fs::absolute(options.input);
    report.step(fmt::format("Read this machine's own sensors for {} s", kSensorSeconds));
    const auto readings = sensor_readings(kSensorSeconds, [](unsigned) {});
    const auto file = dir / "readings.senml.json";
    FS_TRY(base::write_file(file, as_bytes(readings)));
    report.say(fmt::format("{} bytes of SenML from /proc and /sys", readings.size()));
    return file;
}

}  // namespace

Status demo(const DemoOptions& options) {
    DemoReport report;
    FS_ASSIGN(const auto scene, ScratchNetwork::make(options.dir));
    report.step("Start a consortium: 4 organisations with a ledger node each, 3 storage operators with a broker each");
    marketplace_dapp::client::Stopwatch watch;
    FS_TRY(up({.dir = scene.dir(), .topology = {}, .shape_given = false},
              [&](const std::string& line) { report.say(line); }));
    watch.mark("start of the network");
    report.times(watch.steps());
    FS_ASSIGN(const auto input, demo_input(options, scene.dir(), report));
    FS_ASSIGN(auto profile, Profile::load(scene.dir()));
    base::net::Loop loop;
    loop.start();
    Connection connection(loop, std::move(profile));
    DemoTrade trade(report, connection, scene.dir(), input);
    FS_TRY(trade.run());
    FS_TRY(DemoStream(report, connection, scene.dir(), trade).run());
    report.table_of_times();
    FS_TRY(report.verdict());
    std::printf("\nAll of it held.\n");
    return {};
}

}  // namespace fairstream::network
