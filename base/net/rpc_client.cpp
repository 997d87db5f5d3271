#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <future>
#include <map>
#include <random>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/net/loop_impl.hpp"
#include "base/net/rpc.hpp"
#include "base/net/rpc_link.hpp"
#include "base/net/tls_context.hpp"

namespace fairstream::base::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kFirstBackoff{50};
constexpr std::chrono::milliseconds kLongestBackoff{2000};

/// A call or stream that has not ended.
struct Pending {
    FrameKind kind = FrameKind::kCall;
    std::uint16_t method = 0;
    Bytes unsent;  // while the connection is being opened
    RpcClient::ItemHandler on_item;
    RpcClient::ReplyHandler on_end;
    std::unique_ptr<asio::steady_timer> deadline;
};

/// The connection behind a Client. Outlives it until its last handler has run; loop thread, except where said.
class Connector : public std::enable_shared_from_this<Connector> {
public:
    Connector(Loop& loop, Address address, std::string server_name, RpcLimits limits, const std::string& from)
        : io_(loop.impl().io),
          address_(std::move(address)),
          server_name_(std::move(server_name)),
          limits_(limits),
          resolver_(io_),
          timer_(io_),
          random_(std::random_device{}()) {
        error_code no_address;
        const auto ip = asio::ip::make_address(from, no_address);
        if (!no_address && !ip.is_unspecified()) from_ = ip;
    }

    void start(const TlsConfig& tls) {
        auto context = make_tls_context(tls, TlsRole::kClient, TlsVersions::k13Only, PeerCertificate::kRequired);
        if (!context) {
            log_error("link to {}: {}", address_.text(), context.error().message);
            why_not_ = std::move(context).error();
            state_ = State::kWaiting;  // for ever: a wrong config does not mend itself
            return;
        }
        context_.emplace(std::move(*context));
        asio::post(io_, [self = shared_from_this()] { self->connect(); });
    }

    /// From any thread.
    void begin(std::uint64_t id, Pending call, Bytes payload, std::optional<std::chrono::milliseconds> timeout) {
        if (closed_) return;
        asio::dispatch(io_, [self = shared_from_this(), id, timeout, pending = std::move(call),
                             bytes = std::move(payload)]() mutable {
            if (!self->closed_) self->begin_on_loop(id, std::move(pending), std::move(bytes), timeout);
        });
    }

    /// From any thread.
    void cancel(std::uint64_t id) {
        if (closed_) return;
        asio::dispatch(io_, [self = shared_from_this(), id] {
            const auto found = self->pending_.find(id);
            if (found == self->pending_.end()) return;
            const Pending dropped = std::move(found->second);
            self->pending_.erase(found);
            self->tell_server_to_forget(id);
        });
    }

    /// From any thread.
    bool notify(std::uint16_t method, ByteView payload) {
        if (payload.size() > limits_.max_frame_bytes) return false;
        const auto outbox = current_outbox();
        return outbox && outbox->put(FrameKind::kNotice, method, 0, payload);
    }

    /// From any thread.
    bool connected() const { return current_outbox() != nullptr; }

    /// From any thread: the client is gone.
    void close() {
        closed_ = true;
        asio::dispatch(io_, [self = shared_from_this()] {
            self->set_outbox(nullptr);
            self->resolver_.cancel();
            self->timer_.cancel();
            if (self->socket_) self->close_socket();
            if (self->link_) std::exchange(self->link_, nullptr)->close();
            self->pending_.clear();
        });
    }

private:
    enum class State { kConnecting, kConnected, kWaiting };

    // -- opening the connection

    void connect() {
        if (closed_) return;
        state_ = State::kConnecting;
        timer_.expires_after(limits_.handshake_timeout);
        timer_.async_wait([self = shared_from_this(), attempt = ++attempt_](const error_code& error) {
            if (error || self->closed_ || attempt != self->attempt_) return;
            self->resolver_.cancel();  // either ends the attempt with an error
            if (self->socket_) self->close_socket();
        });
        error_code not_an_address;
        const auto ip = asio::ip::make_address(address_.host, not_an_address);
        if (!not_an_address) return connect_to({{ip, address_.port}});
        resolver_.async_resolve(
            address_.host, std::to_string(address_.port),
            [self = shared_from_this()](const error_code& error, const tcp::resolver::results_type& found) {
                if (self->closed_) return;
                if (error) return self->failed({"disconnected", error.message()});
                std::deque<tcp::endpoint> endpoints;
                for (const auto& entry : found) endpoints.push_back(entry.endpoint());
                self->connect_to(std::move(endpoints));
            });
    }

    /// One after the other, until one answers.
    void connect_to(std::deque<tcp::endpoint> endpoints) {
        untried_ = std::move(endpoints);
        connect_to_next(asio::error::host_not_found);
    }

    void connect_to_next(const error_code& so_far) {
        if (untried_.empty() || so_far == asio::error::operation_aborted)
            return failed({"disconnected", so_far.message()});
        const auto endpoint = untried_.front();
        untried_.pop_front();
        socket_.emplace(io_);
        if (const auto error = open_from_here(endpoint)) return connect_to_next(error);
        socket_->async_connect(endpoint, [self = shared_from_this()](const error_code& error) {
            if (self->closed_) return;
            auto socket = std::move(*self->socket_);
            self->socket_.reset();
            error ? self->connect_to_next(error) : self->handshake(std::move(socket));
        });
    }

    error_code open_from_here(const tcp::endpoint& to) {
        error_code error;
        socket_->open(to.protocol(), error);
        const auto& there = to.address();
        if (error || !from_ || from_->is_v4() != there.is_v4() || from_->is_loopback() != there.is_loopback())
            return error;
        const int late = 1;  // connect chooses the port, knowing where to: more connections than ports are fine
        ::setsockopt(socket_->native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
        socket_->bind({*from_, 0}, error);
        return error;
    }

    void handshake(tcp::socket socket) {
        tune_socket(socket);
        link_ = Link::make(std::move(socket), *context_, limits_);
        if (auto named = expect_server_name(link_->native(), server_name_); !named) {
            std::exchange(link_, nullptr)->close();
            return failed(std::move(named).error());
        }
        Link::Events events;
        events.on_secured = [] {};  // the server may still refuse our certificate: its hello decides
        events.on_frame = [weak = weak_from_this()](Frame frame) {
            if (const auto self = weak.lock()) self->received(std::move(frame));
        };
        events.on_closed = [weak = weak_from_this()](const Error& why) {
            const auto self = weak.lock();
            if (!self || self->closed_) return;
            self->link_.reset();
            self->failed(why);
        };
        link_->start(asio::ssl::stream_base::client, std::move(events));
    }

    /// The attempt, or the connection, has ended: everything under way fails, and the next attempt is some time off.
    void failed(const Error& why) {
        set_outbox(nullptr);
        if (why.message != why_not_.message) log_warn("link to {}: {}", address_.text(), why.message);
        why_not_ = why;
        state_ = State::kWaiting;
        ++attempt_;
        const auto longest = static_cast<double>(backoff_.count());
        const std::chrono::microseconds delay(
            static_cast<std::int64_t>(1000 * std::uniform_real_distribution<double>(longest / 2, longest)(random_)));
        backoff_ = std::min(2 * backoff_, kLongestBackoff);
        timer_.expires_after(delay);
        timer_.async_wait([self = shared_from_this()](const error_code& error) {
            if (!error && !self->closed_) self->connect();
        });
        for (auto& [id, call] : std::exchange(pending_, {})) {
            if (closed_) return;
            call.on_end(disconnected());
        }
    }

    void admitted() {
        link_->admitted();
        timer_.cancel();
        state_ = State::kConnected;
        backoff_ = kFirstBackoff;
        if (!why_not_.message.empty()) log_info("link to {} is up", address_.text());
        why_not_ = {};
        for (auto& [id, call] : pending_) send(id, call, std::exchange(call.unsent, {}));
        set_outbox(link_->outbox());
    }

    void close_socket() {
        error_code ignored;
        socket_->close(ignored);
    }

    // -- calls

    void begin_on_loop(std::uint64_t id, Pending call, Bytes payload,
                       std::optional<std::chrono::milliseconds> timeout) {
        if (state_ == State::kWaiting) return end_later(std::move(call), disconnected());
        if (payload.size() > limits_.max_frame_bytes)
            return end_later(std::move(call), fail("too_large", "a call of " + std::to_string(payload.size()) +
                                                                    " bytes does not fit into a frame"));
        if (pending_.size() >= limits_.max_pending_calls)
            return end_later(std::move(call), fail("busy", "too many calls are under way"));
        if (timeout) {
            call.deadline = std::make_unique<asio::steady_timer>(io_, *timeout);
            call.deadline->async_wait([weak = weak_from_this(), id](const error_code& error) {
                const auto self = weak.lock();
                if (!error && self) self->timed_out(id);
            });
        }
        const auto [place, added] = pending_.emplace(id, std::move(call));
        FS_ASSERT(added);
        if (state_ == State::kConnecting)
            place->second.unsent = std::move(payload);
        else
            send(id, place->second, std::move(payload));
    }

    void send(std::uint64_t id, const Pending& call, Bytes payload) {
        if (link_->outbox()->put(call.kind, call.method, id, payload)) return;
        asio::post(io_, [self = shared_from_this(), id] {
            self->end(id, fail("busy", "too much is waiting to be sent; try again later"));
        });
    }

    void received(Frame frame) {
        if (state_ == State::kConnecting) {
            if (frame.kind == FrameKind::kHello && as_text(frame.payload) == kProtocol) return admitted();
            return misbehaved("the server does not speak " + std::string(kProtocol));
        }
        switch (frame.kind) {
            case FrameKind::kItem:
                return received_item(frame.id, std::move(frame.payload));
            case FrameKind::kReply:
                return end(frame.id, std::move(frame.payload));
            case FrameKind::kFailure:
                return end(frame.id, fail(decode_failure(frame.payload)));
            default:
                return misbehaved("the server sent a frame that only clients send");
        }
    }

    void received_item(std::uint64_t id, Bytes payload) {
        const auto found = pending_.find(id);
        if (found == pending_.end()) return;  // cancelled meanwhile
        if (!found->second.on_item) return misbehaved("the server sent an item to a call");
        const auto on_item = found->second.on_item;  // it may cancel the stream
        on_item(std::move(payload));
    }

    void misbehaved(std::string what) {
        std::exchange(link_, nullptr)->close();
        failed({"disconnected", std::move(what)});
    }

    void timed_out(std::uint64_t id) {
        if (closed_ || !pending_.contains(id)) return;
        tell_server_to_forget(id);
        end(id, fail("timeout", "no answer from " + address_.text() + " in time"));
    }

    void tell_server_to_forget(std::uint64_t id) {
        if (state_ == State::kConnected) link_->outbox()->put(FrameKind::kCancel, 0, id, {}, Outbox::Room::kAlways);
    }

    void end(std::uint64_t id, Result<Bytes> how) {
        const auto found = pending_.find(id);
        if (closed_ || found == pending_.end()) return;
        const auto call = std::move(found->second);
        pending_.erase(found);
        call.on_end(std::move(how));
    }

    /// For calls that fail as they are made: their handler must not run before the maker has returned.
    void end_later(Pending call, Result<Bytes> how) {
        asio::post(io_, [self = shared_from_this(), ended = std::move(call), result = std::move(how)]() mutable {
            if (!self->closed_) ended.on_end(std::move(result));
        });
    }

    Result<Bytes> disconnected() const {
        return fail("disconnected",
                    "no connection to " + address_.text() + (why_not_.message.empty() ? "" : ": " + why_not_.message));
    }

    // -- what other threads see

    std::shared_ptr<Outbox> current_outbox() const {
        const std::lock_guard lock(mutex_);
        return outbox_;
    }
    void set_outbox(std::shared_ptr<Outbox> outbox) {
        const std::lock_guard lock(mutex_);
        outbox_ = std::move(outbox);
    }

    asio::io_context& io_;
    const Address address_;
    const std::string server_name_;
    const RpcLimits limits_;
    std::optional<asio::ip::address> from_;
    std::optional<asio::ssl::context> context_;
    tcp::resolver resolver_;
    asio::steady_timer timer_;           // the attempt's deadline, or the pause before the next
    std::mt19937_64 random_;             // jitter only
    std::deque<tcp::endpoint> untried_;  // of this attempt
    std::optional<tcp::socket> socket_;  // while connecting
    std::shared_ptr<Link> link_;         // while handshaking and connected
    State state_ = State::kConnecting;
    std::uint64_t attempt_ = 0;
    std::chrono::milliseconds backoff_ = kFirstBackoff;
    Error why_not_;
    std::map<std::uint64_t, Pending>
        pending_;  // by age: what waits for the connection is sent in the order it was made
    std::atomic<bool> closed_{false};

    mutable std::mutex mutex_;
    std::shared_ptr<Outbox> outbox_;  // while connected
};

/// What the user holds: when it goes, the connection goes.
class Client final : public RpcClient {
public:
    explicit Client(std::shared_ptr<Connector> connector) : connector_(std::move(connector)) {}
    ~Client() override { connector_->close(); }

    void call(std::uint16_t method, Bytes payload, std::chrono::milliseconds timeout, ReplyHandler on_reply) override {
        connector_->begin(next_id_++, Pending{FrameKind::kCall, method, {}, {}, std::move(on_reply), {}},
                          std::move(payload), timeout);
    }

    std::uint64_t stream(std::uint16_t method, Bytes payload, ItemHandler on_item, ReplyHandler on_end) override {
        const std::uint64_t id = next_id_++;
        connector_->begin(id, Pending{FrameKind::kStreamCall, method, {}, std::move(on_item), std::move(on_end), {}},
                          std::move(payload), std::nullopt);
        return id;
    }

    void cancel(std::uint64_t stream) override { connector_->cancel(stream); }
    bool notify(std::uint16_t method, Bytes payload) override { return connector_->notify(method, payload); }
    bool connected() const override { return connector_->connected(); }

private:
    const std::shared_ptr<Connector> connector_;
    std::atomic<std::uint64_t> next_id_{1};
};

}  // namespace

std::shared_ptr<RpcClient> RpcClient::make(Loop& loop, const Address& address, const TlsConfig& tls,
                                           std::string server_name, RpcLimits limits, const std::string& from) {
    auto connector = std::make_shared<Connector>(loop, address, std::move(server_name), consistent(limits), from);
    connector->start(tls);
    return std::make_shared<Client>(std::move(connector));
}

Result<Bytes> RpcClient::call_and_wait(std::uint16_t method, Bytes payload, std::chrono::milliseconds timeout) {
    // The promise is shared: an answer that comes after we gave up finds it still there.
    auto promise = std::make_shared<std::promise<Result<Bytes>>>();
    auto answer = promise->get_future();
    call(method, std::move(payload), timeout,
         [promise](Result<Bytes> result) { promise->set_value(std::move(result)); });
    // The call has its own timeout on the loop; this one only guards against a loop that has stopped.
    if (answer.wait_for(timeout + std::chrono::seconds(5)) != std::future_status::ready)
        return fail("timeout", "the loop did not answer in time");
    return answer.get();
}

}  // namespace fairstream::base::net
