#include "network/operations_server.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace fairstream::network {

using base::net::HttpRequest;
using base::net::HttpResponse;

namespace {

constexpr std::size_t kMaxConnections = 64;
constexpr std::size_t kMaxBodyBytes = 4096;  // nobody needs one

std::string to_json(const ledger::node::Health& health) {
    boost::json::object out{{"live", !health.failed},
                            {"ready", health.ready},
                            {"height", health.height},
                            {"sealed_height", health.sealed_height},
                            {"round", health.round},
                            {"waiting", health.waiting},
                            {"peers_connected", health.peers_connected},
                            {"config_epoch", health.config_epoch},
                            {"votes", health.votes},
                            {"certificate_until", base::to_rfc3339(health.certificate_until)}};
    if (!health.ready) out["why"] = health.reason;
    return boost::json::serialize(out) + "\n";
}

}  // namespace

Result<std::unique_ptr<OperationsServer>> OperationsServer::listen(base::net::Loop& loop,
                                                                   const base::net::Address& address,
                                                                   const base::net::TlsConfig& tls,
                                                                   const ledger::node::Node& node,
                                                                   base::Metrics& metrics) {
    auto out = std::unique_ptr<OperationsServer>(new OperationsServer(node, metrics));
    base::net::HttpLimits limits;
    limits.max_connections = kMaxConnections;
    limits.max_body_bytes = kMaxBodyBytes;
    FS_ASSIGN(out->server_,
              base::net::HttpServer::listen(
                  loop, address, tls, limits,
                  [self = out.get()](const HttpRequest& request, const base::net::HttpServer::Respond& respond) {
                      respond(self->answer(request));
                  }));
    return out;
}

HttpResponse OperationsServer::answer(const HttpRequest& request) {
    if (request.method != "GET") return base::net::problem(405, {"bad_method", "only GET is answered here"});
    if (request.path == "/metrics") return {200, {{"content-type", "text/plain; version=0.0.4"}}, metrics_.text()};
    const auto health = node_.health();
    const bool good = request.path == "/livez" ? !health.failed : health.ready;
    if (request.path == "/healthz" || request.path == "/livez")
        return {good ? 200 : 503, {{"content-type", "application/json"}}, to_json(health)};
    return base::net::problem(404, {"not_found", "there are /healthz, /livez and /metrics"});
}

}  // namespace fairstream::network
