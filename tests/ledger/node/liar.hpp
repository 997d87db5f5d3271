#pragma once

#include "tests/ledger/node/cluster.hpp"

namespace fairstream::tests {

/// Stands in a member's place on its peer port, with its key and certificate: hands every question on to an honest node
/// and changes the answer.
class Liar {
public:
    /// Changes the answer to a call of this method, or leaves it.
    using Forge = std::function<void(ledger::proto::PeerMethod method, Bytes& answer)>;

    Liar(Cluster& cluster, std::size_t place, std::size_t honest, Forge forge) {
        const auto config = cluster.config(place);
        const auto tls = cluster.tls(place);
        const auto honest_port = cluster.config(honest).peer_listen.port;
        link_ = base::net::RpcClient::make(loop_, {.host = "127.0.0.1", .port = honest_port}, tls, cluster.name(honest),
                                           {});
        auto server = base::net::RpcServer::listen(
            loop_, config.peer_listen, tls, /*require_client_certificate=*/true, {},
            [this, forge](base::net::RpcCall call, std::shared_ptr<base::net::Responder> responder) {
                const auto method = static_cast<ledger::proto::PeerMethod>(call.method);
                link_->call(call.method, std::move(call.payload), std::chrono::seconds(10),
                            [forge, method, responder](Result<Bytes> answer) {
                                if (!answer) return responder->fail(answer.error());
                                forge(method, *answer);
                                responder->reply(std::move(*answer));
                            });
            },
            [](const auto&) {});
        if (!server) throw std::runtime_error(server.error().message);
        server_ = std::move(*server);
        loop_.start();
    }
    ~Liar() {
        loop_.stop();
        server_.reset();
        link_.reset();
    }

private:
    base::net::Loop loop_;
    std::shared_ptr<base::net::RpcClient> link_;
    std::unique_ptr<base::net::RpcServer> server_;
};

}  // namespace fairstream::tests
