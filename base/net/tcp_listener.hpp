#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "base/net/loop.hpp"
#include "base/net/tls.hpp"
#include "base/result.hpp"

namespace fairstream::base::net {

/// Accepts connections on one address until it goes. For base/net's own sources.
class TcpListener {
public:
    using Handler = std::function<void(boost::asio::ip::tcp::socket)>;

    /// Error: listen_failed.
    static Result<std::unique_ptr<TcpListener>> open(Loop& loop, const Address& address, Handler on_accepted);
    ~TcpListener();
    std::uint16_t port() const;

private:
    struct State;
    explicit TcpListener(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

/// address:port of the other end, for logs.
std::string peer_name(const boost::asio::ip::tcp::socket& socket);

}  // namespace fairstream::base::net
