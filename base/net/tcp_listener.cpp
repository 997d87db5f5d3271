#include "base/net/tcp_listener.hpp"

#include <boost/asio/steady_timer.hpp>
#include <sstream>

#include "base/log.hpp"
#include "base/net/loop_impl.hpp"

namespace fairstream::base::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kPauseAfterError{100};

}  // namespace

struct TcpListener::State : std::enable_shared_from_this<State> {
    State(asio::io_context& io, Handler handler) : acceptor(io), pause(io), on_accepted(std::move(handler)) {}

    Status listen(const tcp::endpoint& endpoint) {
        error_code error;
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) {
            std::ostringstream text;
            text << endpoint << ": " << error.message();
            return fail("listen_failed", "cannot listen on " + text.str());
        }
        port = acceptor.local_endpoint(error).port();
        return {};
    }

    void accept() {
        acceptor.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
            if (self->closed) return;
            if (error) return self->rest(error);
            self->on_accepted(std::move(socket));
            if (!self->closed) self->accept();
        });
    }

    /// Out of file descriptors, most likely: trying again at once would spin.
    void rest(const error_code& why) {
        log_warn("cannot accept connections on port {}: {}", port, why.message());
        pause.expires_after(kPauseAfterError);
        pause.async_wait([self = shared_from_this()](const error_code& error) {
            if (!error && !self->closed) self->accept();
        });
    }

    tcp::acceptor acceptor;
    asio::steady_timer pause;
    Handler on_accepted;
    std::uint16_t port = 0;
    bool closed = false;
};

Result<std::unique_ptr<TcpListener>> TcpListener::open(Loop& loop, const Address& address, Handler on_accepted) {
    auto& io = loop.impl().io;
    error_code error;
    const auto found = tcp::resolver(io).resolve(address.host, std::to_string(address.port),
                                                 tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error || found.empty())
        return fail("listen_failed", "cannot listen on " + address.text() + ": " + error.message());
    auto state = std::make_shared<State>(io, std::move(on_accepted));
    FS_TRY(state->listen(found.begin()->endpoint()));
    asio::post(io, [state] {
        if (!state->closed) state->accept();
    });
    return std::unique_ptr<TcpListener>(new TcpListener(std::move(state)));
}

TcpListener::~TcpListener() {
    state_->closed = true;
    error_code ignored;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
}

std::uint16_t TcpListener::port() const {
    return state_->port;
}

std::string peer_name(const tcp::socket& socket) {
    error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return "unknown";
    std::ostringstream text;
    text << endpoint;
    return text.str();
}

}  // namespace fairstream::base::net
