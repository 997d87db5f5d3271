#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.hpp"
#include "base/net/http.hpp"
#include "base/net/loop.hpp"
#include "identity/crypto/keys.hpp"
#include "mqtt_bridge/operator/ledger_port.hpp"

namespace fairstream::mqtt_bridge::storage_operator {

struct OperatorConfig {
    std::string name;  // as the ledger lists it
    std::string organisation;
    std::string network;                                                          // the channel
    identity::crypto::SigningKey key = identity::crypto::SigningKey::generate();  // its did:key is on the ledger
    std::filesystem::path data;         // stream log, known streams, evidence, receipts
    std::filesystem::path gate_socket;  // where its broker's gate connects; at most 107 bytes
    base::net::Address listen;          // HTTPS
    std::string https_url;              // as clients and operators reach it
    std::string mqtt_url;               // of its broker, mqtts://host:port
    base::net::TlsConfig tls;           // the server's certificate; the roots also check other operators
    bool bearer_allowed = true;
    security_manager::service::DeliveryBook::Limits deliveries = {};
    std::function<void(const Error&)> on_failure;  // the log cannot store: the process should end. On the loop thread
};

/// One storage operator (data-plane.md): sessions and the gate's socket, the stream log, replication with the other
/// operators, and delivery of ranges, composed. Its broker is a process beside it (mosquitto_config); the daemon
/// connects to it as soon as it is there, and again whenever it was gone.
///
///     HTTPS: sessions (SessionService), ranges and receipts (RangeService), GET /healthz, /metrics, /v1/info,
///            /v1/report (Reporter)
class OperatorDaemon {
public:
    /// `loop` and `ledger` must outlive it. On the loop thread, or before the loop runs.
    /// Errors: those of FileStreamLog::open, HttpServer::listen, SessionService::listen_for_gates.
    static Result<std::unique_ptr<OperatorDaemon>> start(base::net::Loop& loop, OperatorConfig config,
                                                         LedgerPort& ledger);
    /// On the loop thread, or after the loop has stopped. May wait some seconds for calls that are under way.
    ~OperatorDaemon();
    OperatorDaemon(const OperatorDaemon&) = delete;
    OperatorDaemon& operator=(const OperatorDaemon&) = delete;

    /// True while the broker's gate is connected to us, we to the broker, the log stores, and the ledger lists us under
    /// our present addresses; at first also not before every listed operator is connected to, or 15 s have passed: what
    /// /healthz says. From any thread.
    bool ready() const;
    /// From any thread.
    std::size_t connected_peers() const;
    /// HttpServer::use. The broker beside it has its own copy of the certificate.
    Status use(const base::net::TlsConfig& tls);
    /// What /metrics shows.
    base::Metrics& metrics();

private:
    struct Impl;
    explicit OperatorDaemon(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace fairstream::mqtt_bridge::storage_operator
