#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "mqtt_bridge/client/mqtt_session.hpp"
#include "network/process.hpp"

namespace fairstream::benchmarks {

/// A Mosquitto as it comes, without our gate and without storage, for comparison: TLS on the loopback, everyone may do
/// everything.
class RawBroker {
public:
    struct Options {
        std::filesystem::path folder;  // for its config and log; made if absent
        std::filesystem::path certificate, private_key;
        std::string trusted_roots;  // PEM, of that certificate
    };
    /// Returns when it accepts connections; from the main thread, since it dies with the thread that started it.
    /// Errors: not_found (mosquitto), no_free_ports, start_failed.
    static Result<RawBroker> start(const Options& options);
    RawBroker(RawBroker&&) = default;
    RawBroker& operator=(RawBroker&&) = delete;
    ~RawBroker();

    /// Another client of it. Errors: those of MqttSession.
    Result<std::unique_ptr<mqtt_bridge::client::MqttSession>> connect(
        mqtt_bridge::client::MqttSession::Handlers handlers) const;

    /// Seconds from the first publication until one subscriber has all of it: `bytes` in messages of at most
    /// `message_bytes`, QoS 1 both ways. Errors: those of MqttSession, timeout.
    Result<double> carry(std::uint64_t bytes, std::size_t message_bytes) const;

private:
    RawBroker(std::string url, std::string trusted_roots)
        : url_(std::move(url)), trusted_roots_(std::move(trusted_roots)) {}

    const std::string url_, trusted_roots_;
    std::vector<network::Child> process_;  // one; none once moved from
};

}  // namespace fairstream::benchmarks
