#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <unordered_set>

#include "base/log.hpp"
#include "base/net/http_message.hpp"
#include "base/net/outgoing_body.hpp"
#include "base/net/tcp_listener.hpp"
#include "base/net/tls_context.hpp"

namespace fairstream::base::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds kHandshakeTimeout{10};
/// How long a connection that we end may still send: closing at once could lose our last answer on its way (RFC
/// 9112 9.6).
constexpr std::chrono::seconds kLingerTimeout{2};
/// Connections over the limit that are at least told so.
constexpr std::size_t kRefusedAtOnce = 64;

class Connection;

/// What connections need of their server. The server outlives them or closes them.
struct Shared {
    HttpLimits limits;
    HttpServer::Handler handler;
    std::unordered_set<std::shared_ptr<Connection>> connections;
};

/// One HTTPS connection: handshake, then request, answer, request, ... On the loop thread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(tcp::socket socket, asio::ssl::context& context, Shared& shared, bool admitted)
        : peer_(peer_name(socket)),
          stream_(std::move(socket), context),
          deadline_(stream_.get_executor()),
          shared_(shared),
          admitted_(admitted),
          reader_(shared.limits.max_header_bytes, shared.limits.max_body_bytes) {}

    void start() {
        set_deadline(kHandshakeTimeout, [this] { close(); });
        stream_.async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](const error_code& error) {
            if (self->closed_) return;
            if (error) {
                log_debug("{}: TLS handshake: {}", self->peer_, error.message());
                return self->close();
            }
            if (self->admitted_) return self->next_request();
            self->answer_last(problem(503, {"too_many_connections", "this server has no room for you now"}, true));
        });
    }

    void close() {
        if (closed_.exchange(true)) return;
        if (outgoing_) outgoing_->drop();
        deadline_.cancel();
        error_code ignored;
        stream_.next_layer().close(ignored);
        shared_.connections.erase(shared_from_this());
    }

    /// From any thread: the answer to request number `request`.
    void answer_from_anywhere(std::uint64_t request, HttpResponse response) {
        if (closed_) return;
        asio::post(stream_.get_executor(), [self = shared_from_this(), request, answer = std::move(response)] {
            if (!self->closed_ && request == self->request_) self->answer(answer);
        });
    }

private:
    void next_request() {
        receiving_ = false;
        give_time_to_read();
        parse({});
    }

    /// A quiet client has `read_timeout` to begin a request, and as long again to complete it.
    void give_time_to_read() {
        set_deadline(shared_.limits.read_timeout, [this] {
            timed_out_ = true;
            error_code ignored;
            stream_.next_layer().cancel(ignored);
        });
    }

    void read() {
        stream_.async_read_some(
            asio::buffer(chunk_), [self = shared_from_this()](const error_code& error, std::size_t size) {
                if (self->closed_) return;
                if (self->timed_out_ && self->reader_.started())
                    return self->answer_last(problem(408, {"timeout", "the request did not arrive in time"}, true));
                if (error || self->timed_out_) return self->close();
                if (!std::exchange(self->receiving_, true)) self->give_time_to_read();
                self->parse({self->chunk_.data(), size});
            });
    }

    void parse(ByteView received) {
        const auto complete = reader_.feed(received);
        if (!complete) {
            const auto& code = complete.error().code;
            return answer_last(problem(code == "too_large"          ? 413
                                       : code == "header_too_large" ? 431
                                                                    : 400,
                                       complete.error()));
        }
        if (*complete) return handle();
        if (reader_.take_expectation()) return write("HTTP/1.1 100 Continue\r\n\r\n", [this] { read(); });
        read();
    }

    void handle() {
        keep_alive_ = reader_.keep_alive();
        auto request = reader_.take();
        if (!request) return answer_last(problem(400, request.error()));
        to_head_ = request->method == "HEAD";
        request->peer = peer_;
        deadline_.cancel();  // the handler may take its time; it has bounds of its own
        auto ticket = std::make_shared<Ticket>(weak_from_this(), ++request_);
        shared_.handler(std::move(*request), [ticket](HttpResponse response) { ticket->answer(std::move(response)); });
    }

    void answer(const HttpResponse& response) {
        ++request_;  // a second answer to the same request finds another number
        set_deadline(shared_.limits.write_timeout, [this] { close(); });
        if (response.stream && !to_head_) return start_stream(response);
        write(write_response(response, keep_alive_, to_head_), [this] {
            if (keep_alive_) return next_request();
            linger();
        });
    }

    // A streamed body: what its writer puts into `outgoing_` is sent as fast as the client takes it.

    void start_stream(const HttpResponse& response) {
        keep_alive_ = false;
        outgoing_ = std::make_shared<OutgoingBody>();
        write(write_response(response, keep_alive_, to_head_), [this, stream = response.stream] {
            watch_client();
            stream(std::make_shared<Writer>(outgoing_, weak_from_this()));
            send_more();
        });
    }

    /// Nothing that the client still sends is of interest but its end.
    void watch_client() {
        stream_.async_read_some(asio::buffer(chunk_),
                                [self = shared_from_this()](const error_code& error, std::size_t) {
                                    if (self->closed_) return;
                                    if (error) return self->close();
                                    self->watch_client();
                                });
    }

    void send_more() {
        if (sending_ || ended_) return;
        bool last = false;
        auto more = outgoing_->take(last);
        if (more.empty()) return clear_deadline();
        sending_ = true;
        set_deadline(shared_.limits.write_timeout, [this] { close(); });
        write(std::move(more), [this, last] {
            sending_ = false;
            if (!last) return send_more();
            ended_ = true;
            // The client has all of it; when it closes too, watch_client() sees it.
            set_deadline(kLingerTimeout, [this] { close(); });
            error_code ignored;
            stream_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
        });
    }

    class Writer final : public HttpBodyWriter {
    public:
        Writer(std::shared_ptr<OutgoingBody> outgoing, std::weak_ptr<Connection> connection)
            : outgoing_(std::move(outgoing)), connection_(std::move(connection)) {}
        Writer(const Writer&) = delete;
        ~Writer() override { close(); }

        bool write(std::string bytes) override {
            bool taken = false;
            if (outgoing_->put(bytes, taken)) wake();
            return taken;
        }
        void close() override {
            if (outgoing_->close()) wake();
        }
        std::size_t waiting_bytes() const override { return outgoing_->waiting(); }
        bool open() const override { return outgoing_->open(); }

    private:
        void wake() {
            const auto connection = connection_.lock();
            if (!connection || connection->closed_) return;
            asio::post(connection->stream_.get_executor(), [connection] {
                if (!connection->closed_) connection->send_more();
            });
        }

        const std::shared_ptr<OutgoingBody> outgoing_;
        const std::weak_ptr<Connection> connection_;
    };

    /// An answer after which this connection cannot go on.
    void answer_last(const HttpResponse& response) {
        keep_alive_ = false;
        answer(response);
    }

    template <typename Then>
    void write(std::string text, Then then) {
        out_ = std::move(text);
        asio::async_write(stream_, asio::buffer(out_),
                          [self = shared_from_this(), then](const error_code& error, std::size_t) {
                              if (self->closed_) return;
                              if (error) return self->close();
                              then();
                          });
    }

    void linger() {
        set_deadline(kLingerTimeout, [this] { close(); });
        stream_.async_shutdown([self = shared_from_this()](const error_code& error) {
            if (self->closed_) return;
            if (!error) return self->close();
            // The client is still sending what we do not want.
            error_code ignored;
            self->stream_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
            self->discard();
        });
    }

    void discard() {
        stream_.next_layer().async_read_some(asio::buffer(chunk_),
                                             [self = shared_from_this()](const error_code& error, std::size_t) {
                                                 if (self->closed_) return;
                                                 if (error) return self->close();
                                                 self->discard();
                                             });
    }

    void clear_deadline() {
        ++deadlines_set_;
        deadline_.cancel();
    }

    template <typename Expired>
    void set_deadline(std::chrono::seconds after, Expired expired) {
        timed_out_ = false;
        deadline_.expires_after(after);
        deadline_.async_wait([weak = weak_from_this(), expired, set = ++deadlines_set_](const error_code& error) {
            const auto self = weak.lock();
            if (!error && self && !self->closed_ && set == self->deadlines_set_) expired();
        });
    }

    /// Held by every copy of a Respond; when the last goes unanswered, the client hears so.
    class Ticket {
    public:
        Ticket(std::weak_ptr<Connection> connection, std::uint64_t request)
            : connection_(std::move(connection)), request_(request) {}
        Ticket(const Ticket&) = delete;
        ~Ticket() { answer(problem(500, {"internal", "the request was dropped without an answer"})); }
        void answer(HttpResponse response) {
            if (answered_.exchange(true)) return;
            if (const auto connection = connection_.lock())
                connection->answer_from_anywhere(request_, std::move(response));
        }

    private:
        const std::weak_ptr<Connection> connection_;
        const std::uint64_t request_;
        std::atomic<bool> answered_{false};
    };

    const std::string peer_;
    asio::ssl::stream<tcp::socket> stream_;
    asio::steady_timer deadline_;
    Shared& shared_;
    const bool admitted_;
    HttpRequestReader reader_;
    std::array<std::uint8_t, 16u << 10> chunk_{};
    std::string out_;
    std::shared_ptr<OutgoingBody> outgoing_;  // of a streamed answer
    bool sending_ = false, ended_ = false;
    std::uint64_t request_ = 0;
    std::uint64_t deadlines_set_ = 0;
    bool keep_alive_ = true;
    bool to_head_ = false;
    bool receiving_ = false;
    bool timed_out_ = false;
    std::atomic<bool> closed_{false};
};

class Server final : public HttpServer {
public:
    Server(asio::ssl::context context, HttpLimits limits, Handler handler)
        : context_(std::move(context)), shared_{limits, std::move(handler), {}} {}

    ~Server() override {
        listener_.reset();
        const auto open = shared_.connections;
        for (const auto& connection : open) connection->close();
    }

    Status open(Loop& loop, const Address& address) {
        FS_ASSIGN(listener_,
                  TcpListener::open(loop, address, [this](tcp::socket socket) { accepted(std::move(socket)); }));
        return {};
    }

    std::uint16_t port() const override { return listener_->port(); }

    Status use(const TlsConfig& tls) override {
        FS_ASSIGN(context_, make_tls_context(tls, TlsRole::kServer, TlsVersions::k12AndUp, PeerCertificate::kIgnored));
        return {};
    }

private:
    void accepted(tcp::socket socket) {
        const std::size_t open = shared_.connections.size();
        if (open >= shared_.limits.max_connections)
            log_warn("refusing {}: {} connections are open, which is the limit", peer_name(socket), open);
        if (open >= shared_.limits.max_connections + kRefusedAtOnce) return;
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        auto connection = std::make_shared<Connection>(std::move(socket), context_, shared_,
                                                       /*admitted=*/open < shared_.limits.max_connections);
        shared_.connections.insert(connection);
        connection->start();
    }

    asio::ssl::context context_;
    Shared shared_;
    std::unique_ptr<TcpListener> listener_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(Loop& loop, const Address& address, const TlsConfig& tls,
                                                       HttpLimits limits, Handler handler) {
    FS_ASSIGN(auto context, make_tls_context(tls, TlsRole::kServer, TlsVersions::k12AndUp, PeerCertificate::kIgnored));
    auto server = std::make_unique<Server>(std::move(context), limits, std::move(handler));
    FS_TRY(server->open(loop, address));
    return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace fairstream::base::net
