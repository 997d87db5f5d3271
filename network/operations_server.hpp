#pragma once

#include "base/metrics.hpp"
#include "base/net/http.hpp"
#include "ledger/node/node.hpp"

namespace fairstream::network {

/// A ledger node's operations port, HTTPS with the node's certificate: GET /healthz (200, or 503 while it is not
/// ready), /livez (503 once it should be restarted), both with JSON that says why not; /metrics. Loop thread only, once
/// made.
class OperationsServer {
public:
    /// `node` and `metrics` must outlive this. Errors: listen_failed, bad_tls.
    static Result<std::unique_ptr<OperationsServer>> listen(base::net::Loop& loop, const base::net::Address& address,
                                                            const base::net::TlsConfig& tls,
                                                            const ledger::node::Node& node, base::Metrics& metrics);
    std::uint16_t port() const { return server_->port(); }
    /// HttpServer::use.
    Status use(const base::net::TlsConfig& tls) { return server_->use(tls); }

private:
    OperationsServer(const ledger::node::Node& node, base::Metrics& metrics) : node_(node), metrics_(metrics) {}
    base::net::HttpResponse answer(const base::net::HttpRequest& request);

    const ledger::node::Node& node_;
    base::Metrics& metrics_;
    std::unique_ptr<base::net::HttpServer> server_;
};

}  // namespace fairstream::network
