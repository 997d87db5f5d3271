#include "benchmarks/raw_broker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "identity/crypto/hash.hpp"
#include "network/topology.hpp"

namespace fairstream::benchmarks {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using mqtt_bridge::client::MqttMessage;
using mqtt_bridge::client::MqttSession;

namespace {

constexpr auto kStartWithin = 10s;
constexpr auto kStopWithin = 5s;
constexpr auto kCarryWithin = 120s;
constexpr auto kPause = 200us;
constexpr std::size_t kPending = 32;  // messages without an acknowledgement; Paho throws at more than it can hold

/// One that nobody on this machine uses, found as networks find theirs.
Result<std::uint16_t> free_port(const fs::path& folder) {
    auto layout =
        network::Layout::plan(folder, {.name = "raw", .organisations = 1, .nodes_per_org = 1, .operators = 1});
    std::error_code error;
    fs::create_directories(layout.run_folder(), error);
    if (error) return fail("io_error", "cannot make " + layout.run_folder().string());
    FS_TRY(network::assign_ports(layout));
    return layout.operators.front().mqtts_port;
}

}  // namespace

Result<RawBroker> RawBroker::start(const Options& options) {
    FS_ASSIGN(const auto program, network::find_program("mosquitto"));
    FS_ASSIGN(const auto port, free_port(options.folder));
    const auto config = options.folder / "mosquitto.conf";
    const auto text = fmt::format(
        "listener {} 127.0.0.1\ncertfile {}\nkeyfile {}\ntls_version tlsv1.2\nallow_anonymous true\npersistence false\n"
        "max_inflight_messages 64\nmax_queued_messages 0\nset_tcp_nodelay true\n{}",
        port, options.certificate.string(), options.private_key.string(), ::getuid() == 0 ? "user root\n" : "");
    FS_TRY(base::write_file(config, as_bytes(text)));
    RawBroker broker(fmt::format("mqtts://127.0.0.1:{}", port), options.trusted_roots);
    broker.process_.push_back({.name = "raw broker",
                               .command = {program, "-c", config},
                               .log = options.folder / "broker-log.txt",
                               .end = {}});
    FS_TRY(network::start(broker.process_.front()));
    for (const auto deadline = base::steady_now() + kStartWithin;;) {
        const auto session = broker.connect({});
        if (session) return broker;
        if (base::steady_now() > deadline) return fail("start_failed", "mosquitto: " + session.error().message);
        std::this_thread::sleep_for(50ms);
    }
}

Result<std::unique_ptr<MqttSession>> RawBroker::connect(MqttSession::Handlers handlers) const {
    return MqttSession::connect({.url = url_,
                                 .client_id = base::to_hex(identity::crypto::random_bytes(8)),
                                 .authentication_method = {},
                                 .authentication_data = {},
                                 .trusted_roots = trusted_roots_,
                                 .max_pending = kPending},
                                std::move(handlers));
}

RawBroker::~RawBroker() {
    network::stop_all(process_, kStopWithin);
}

Result<double> RawBroker::carry(std::uint64_t bytes, std::size_t message_bytes) const {
    std::atomic<std::uint64_t> received{0};
    FS_ASSIGN(const auto reader,
              connect({.on_message = [&](const MqttMessage& message) { received += message.payload.size(); },
                       .on_lost = {}}));
    FS_TRY(reader->subscribe({"raw"}));
    FS_ASSIGN(const auto writer, connect({}));
    const Bytes payload = identity::crypto::random_bytes(std::min<std::uint64_t>(bytes, message_bytes));
    const auto began = base::steady_now();
    for (std::uint64_t sent = 0; sent < bytes;) {
        const auto size = std::min<std::uint64_t>(payload.size(), bytes - sent);
        const auto published = writer->publish("raw", ByteView(payload).first(size));
        if (published)
            sent += size;
        else if (published.error().code == "busy")
            std::this_thread::sleep_for(kPause);
        else
            return fail(published.error());
        if (base::steady_now() - began > kCarryWithin) return fail("timeout", "the raw broker takes too long");
    }
    while (received < bytes) {
        if (base::steady_now() - began > kCarryWithin) return fail("timeout", "the raw broker lost messages");
        std::this_thread::sleep_for(kPause);
    }
    return std::chrono::duration<double>(base::steady_now() - began).count();
}

}  // namespace fairstream::benchmarks
