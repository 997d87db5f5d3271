#include "base/net/unix_socket.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <set>
#include <utility>

#include "base/net/loop_impl.hpp"

namespace fairstream::base::net {

namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

class Peer final : public UnixPeer, public std::enable_shared_from_this<Peer> {
public:
    Peer(stream_protocol::socket socket, std::size_t max_queued, std::function<void(Peer&, ByteView)> on_data,
         std::function<void(Peer&)> on_lost, std::function<void(Peer&)> on_closed)
        : socket_(std::move(socket)),
          max_queued_(max_queued),
          on_data_(std::move(on_data)),
          on_lost_(std::move(on_lost)),
          on_closed_(std::move(on_closed)) {}

    void start() {
        error_code ignored;
        socket_.non_blocking(true, ignored);
        read();
    }

    bool send(ByteView data) override {
        if (closed_) return false;
        std::size_t written = 0;
        if (queued_.empty() && in_flight_.empty()) {
            error_code error;
            written = socket_.write_some(asio::buffer(data.data(), data.size()), error);
            if (error && error != asio::error::would_block) return lose(), false;
        }
        append(queued_, data.subspan(written));
        if (queued_.size() + in_flight_.size() > max_queued_) return lose(), false;
        write();
        return true;
    }

    void close() override {
        if (closed_) return;
        closed_ = true;
        error_code ignored;
        socket_.close(ignored);
        on_closed_(*this);
    }

private:
    void read() {
        socket_.async_read_some(asio::buffer(chunk_),
                                [self = shared_from_this()](const error_code& error, std::size_t size) {
                                    if (self->closed_) return;
                                    if (error) return self->lose();
                                    self->on_data_(*self, ByteView(self->chunk_.data(), size));
                                    if (!self->closed_) self->read();
                                });
    }

    void write() {
        if (!in_flight_.empty() || queued_.empty()) return;
        std::swap(in_flight_, queued_);
        asio::async_write(socket_, asio::buffer(in_flight_),
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                              self->in_flight_.clear();
                              if (self->closed_) return;
                              if (error) return self->lose();
                              self->write();
                          });
    }

    void lose() {
        if (closed_) return;
        const auto keep = shared_from_this();
        close();
        on_lost_(*this);
    }

    stream_protocol::socket socket_;
    const std::size_t max_queued_;
    std::function<void(Peer&, ByteView)> on_data_;
    std::function<void(Peer&)> on_lost_;
    std::function<void(Peer&)> on_closed_;
    std::array<std::uint8_t, 16u << 10> chunk_{};
    Bytes queued_;
    Bytes in_flight_;
    bool closed_ = false;
};

/// Shared with the pending accept, which may outlive the server by one turn of the loop.
struct State : std::enable_shared_from_this<State> {
    State(asio::io_context& io, UnixServer::Limits l, UnixServer::Handlers h)
        : acceptor(io), pause(io), limits(l), handlers(std::move(h)) {}

    void accept() {
        acceptor.async_accept([self = shared_from_this()](const error_code& error, stream_protocol::socket socket) {
            if (self->closed) return;
            if (error) return self->rest();
            if (self->peers.size() < self->limits.max_peers) self->admit(std::move(socket));
            if (!self->closed) self->accept();
        });
    }

    /// Out of file descriptors, most likely: trying again at once would only burn the loop's time.
    void rest() {
        pause.expires_after(std::chrono::milliseconds(100));
        pause.async_wait([self = shared_from_this()](const error_code& error) {
            if (!error && !self->closed) self->accept();
        });
    }

    void admit(stream_protocol::socket socket) {
        const std::weak_ptr<State> weak = weak_from_this();
        const auto peer = std::make_shared<Peer>(
            std::move(socket), limits.max_queued_bytes,
            [weak](Peer& from, ByteView data) {
                if (const auto state = weak.lock(); state && !state->closed) state->handlers.on_data(from, data);
            },
            [weak](Peer& lost) {
                if (const auto state = weak.lock(); state && !state->closed) state->handlers.on_lost(lost);
            },
            [weak](Peer& gone) {
                if (const auto state = weak.lock()) state->peers.erase(gone.shared_from_this());
            });
        peers.insert(peer);
        peer->start();
        handlers.on_accepted(peer);
    }

    void close() {
        closed = true;
        error_code ignored;
        acceptor.close(ignored);
        pause.cancel();
        for (const auto& peer : std::exchange(peers, {})) peer->close();
    }

    stream_protocol::acceptor acceptor;
    asio::steady_timer pause;
    const UnixServer::Limits limits;
    UnixServer::Handlers handlers;
    std::set<std::shared_ptr<Peer>> peers;
    bool closed = false;
};

class Server final : public UnixServer {
public:
    Server(std::shared_ptr<State> state, std::filesystem::path path)
        : state_(std::move(state)), path_(std::move(path)) {}
    ~Server() override {
        state_->close();
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }

private:
    std::shared_ptr<State> state_;
    std::filesystem::path path_;
};

bool is_listened_to(asio::io_context& io, const stream_protocol::endpoint& endpoint) {
    stream_protocol::socket probe(io);
    error_code error;
    probe.connect(endpoint, error);
    return !error;
}

}  // namespace

Result<std::unique_ptr<UnixServer>> UnixServer::listen(Loop& loop, const std::filesystem::path& path, Limits limits,
                                                       Handlers handlers) {
    constexpr std::size_t kMaxPath = 107;
    const auto failed = [&](const std::string& why) {
        return fail("listen_failed", fmt::format("cannot listen on {}: {}", path.string(), why));
    };
    if (path.native().size() > kMaxPath) return failed("the path of a Unix socket has at most 107 bytes");
    auto& io = loop.impl().io;
    const stream_protocol::endpoint endpoint(path.string());
    if (is_listened_to(io, endpoint)) return failed("another process listens there");
    std::error_code ignored;
    if (std::filesystem::is_socket(path, ignored)) std::filesystem::remove(path, ignored);

    auto state = std::make_shared<State>(io, limits, std::move(handlers));
    error_code error;
    state->acceptor.open(endpoint.protocol(), error);
    if (!error) {
        // The mode must be right from the first moment, so the mask is set around bind.
        const mode_t mask = ::umask(0177);
        state->acceptor.bind(endpoint, error);
        ::umask(mask);
    }
    if (!error) state->acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) return failed(error.message());
    loop.post([state] { state->accept(); });
    return std::unique_ptr<UnixServer>(new Server(std::move(state), path));
}

}  // namespace fairstream::base::net
