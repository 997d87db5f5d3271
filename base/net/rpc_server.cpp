#include <boost/asio/post.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/log.hpp"
#include "base/net/loop_impl.hpp"
#include "base/net/rpc.hpp"
#include "base/net/rpc_link.hpp"
#include "base/net/tcp_listener.hpp"
#include "base/net/tls_context.hpp"

namespace fairstream::base::net {

namespace asio = boost::asio;

namespace {

/// One call that a handler has not answered yet. Shared by the connection and the Responder.
struct OpenCall {
    std::atomic<bool> over{false};  // answered, cancelled or its connection lost
};

/// The calls of one connection that are not answered yet, by id. Responders finish theirs from any thread.
class OpenCalls {
public:
    explicit OpenCalls(std::size_t max) : max_(max) {}

    enum class Added { kYes, kTooMany, kDuplicate };
    Added add(std::uint64_t id, std::shared_ptr<OpenCall> call) {
        const std::lock_guard lock(mutex_);
        if (calls_.size() >= max_) return Added::kTooMany;
        return calls_.emplace(id, std::move(call)).second ? Added::kYes : Added::kDuplicate;
    }
    void finish(std::uint64_t id) {
        const std::lock_guard lock(mutex_);
        const auto call = calls_.find(id);
        if (call == calls_.end()) return;
        call->second->over = true;
        calls_.erase(call);
    }
    void finish_all() {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, call] : calls_) call->over = true;
        calls_.clear();
    }

private:
    const std::size_t max_;
    std::mutex mutex_;
    std::unordered_map<std::uint64_t, std::shared_ptr<OpenCall>> calls_;
};

class CallResponder final : public Responder {
public:
    CallResponder(std::uint64_t id, bool streams, std::size_t max_frame_bytes, std::shared_ptr<OpenCall> call,
                  std::shared_ptr<OpenCalls> calls, std::shared_ptr<Outbox> outbox)
        : id_(id),
          streams_(streams),
          max_frame_bytes_(max_frame_bytes),
          call_(std::move(call)),
          calls_(std::move(calls)),
          outbox_(std::move(outbox)) {}

    ~CallResponder() override { CallResponder::fail({"internal", "the call was dropped without an answer"}); }

    bool item(Bytes payload) override {
        return streams_ && !call_->over && payload.size() <= max_frame_bytes_ &&
               outbox_->put(FrameKind::kItem, 0, id_, payload);
    }

    void reply(Bytes payload) override {
        if (call_->over.exchange(true)) return;
        calls_->finish(id_);
        if (payload.size() > max_frame_bytes_)
            return send_failure(
                {"too_large", "the answer of " + std::to_string(payload.size()) + " bytes does not fit into a frame"});
        if (!outbox_->put(FrameKind::kReply, 0, id_, payload))
            send_failure({"busy", "too many answers are waiting to be sent to you; try again later"});
    }

    void fail(Error error) override {
        if (call_->over.exchange(true)) return;
        calls_->finish(id_);
        send_failure(error);
    }

    bool alive() const override { return !call_->over && outbox_->open(); }

private:
    void send_failure(const Error& error) {
        outbox_->put(FrameKind::kFailure, 0, id_, encode_failure(error), Outbox::Room::kAlways);
    }

    const std::uint64_t id_;
    const bool streams_;
    const std::size_t max_frame_bytes_;
    const std::shared_ptr<OpenCall> call_;
    const std::shared_ptr<OpenCalls> calls_;
    const std::shared_ptr<Outbox> outbox_;
};

/// What one accepted connection keeps beside its Link.
struct Connection : std::enable_shared_from_this<Connection> {
    std::shared_ptr<Link> link;
    std::shared_ptr<OpenCalls> calls;
    Bytes peer_certificate_der;
    std::string peer;
};

class Server final : public RpcServer {
public:
    Server(asio::ssl::context context, PeerCertificate peers, RpcLimits limits, CallHandler on_call,
           NoticeHandler on_notice)
        : context_(std::move(context)),
          peers_(peers),
          limits_(limits),
          on_call_(std::move(on_call)),
          on_notice_(std::move(on_notice)) {}

    ~Server() override {
        listener_.reset();
        // Connections refer to this server: all of them end here.
        for (const auto& connection : std::exchange(connections_, {})) {
            connection->calls->finish_all();
            connection->link->close();
        }
    }

    Status open(Loop& loop, const Address& address) {
        FS_ASSIGN(listener_, TcpListener::open(loop, address,
                                               [this](asio::ip::tcp::socket socket) { accepted(std::move(socket)); }));
        return {};
    }

    std::uint16_t port() const override { return listener_->port(); }

    Status use(const TlsConfig& tls) override {
        FS_ASSIGN(context_, make_tls_context(tls, TlsRole::kServer, TlsVersions::k13Only, peers_));
        return {};
    }

private:
    void accepted(asio::ip::tcp::socket socket) {
        const std::string peer = peer_name(socket);
        if (connections_.size() >= limits_.max_connections) {
            log_warn("refused {}: {} connections are open, which is the limit", peer, connections_.size());
            return;
        }
        tune_socket(socket);
        auto connection = std::make_shared<Connection>();
        connection->link = Link::make(std::move(socket), context_, limits_);
        connection->calls = std::make_shared<OpenCalls>(limits_.max_pending_calls);
        connection->peer = peer;
        connections_.insert(connection);
        Link::Events events;
        // The raw pointer is good as long as the connection is in connections_: an event never comes later.
        Connection* const self = connection.get();
        events.on_secured = [self] {
            self->peer_certificate_der = net::peer_certificate_der(self->link->native());
            self->link->outbox()->put(FrameKind::kHello, 0, 0, as_bytes(kProtocol));
            self->link->admitted();
        };
        events.on_frame = [this, self](Frame frame) { received(*self, std::move(frame)); };
        events.on_closed = [this, connection](const Error& why) { lost(connection, why); };
        connection->link->start(asio::ssl::stream_base::server, std::move(events));
    }

    void received(Connection& connection, Frame frame) {
        switch (frame.kind) {
            case FrameKind::kNotice:
                return on_notice_(RpcCall{frame.method, std::move(frame.payload), connection.peer_certificate_der});
            case FrameKind::kCall:
            case FrameKind::kStreamCall:
                return called(connection, std::move(frame));
            case FrameKind::kCancel:
                return connection.calls->finish(frame.id);
            default:
                return misbehaved(connection, "a frame that only servers send");
        }
    }

    void called(Connection& connection, Frame frame) {
        const auto outbox = connection.link->outbox();
        auto call = std::make_shared<OpenCall>();
        switch (connection.calls->add(frame.id, call)) {
            case OpenCalls::Added::kDuplicate:
                return misbehaved(connection, "a call id that is in use");
            case OpenCalls::Added::kTooMany:
                // A caller that neither reads nor stops calling must not fill memory with refusals.
                if (!outbox->put(FrameKind::kFailure, 0, frame.id,
                                 encode_failure({"busy", "too many calls are waiting for an answer"})))
                    misbehaved(connection, "too many calls without reading the answers");
                return;
            case OpenCalls::Added::kYes:
                break;
        }
        on_call_(RpcCall{frame.method, std::move(frame.payload), connection.peer_certificate_der},
                 std::make_shared<CallResponder>(frame.id, frame.kind == FrameKind::kStreamCall,
                                                 limits_.max_frame_bytes, std::move(call), connection.calls, outbox));
    }

    void misbehaved(Connection& connection, std::string_view what) {
        const auto kept = connection.shared_from_this();
        lost(kept, {"bad_frame", "the peer sent " + std::string(what)});
        kept->link->close();
    }

    void lost(const std::shared_ptr<Connection>& connection, const Error& why) {
        if (why.code == "disconnected")
            log_debug("{}: {}", connection->peer, why.message);
        else
            log_warn("{}: {}", connection->peer, why.message);
        connection->calls->finish_all();
        connections_.erase(connection);
    }

    asio::ssl::context context_;
    const PeerCertificate peers_;
    const RpcLimits limits_;
    const CallHandler on_call_;
    const NoticeHandler on_notice_;
    std::unique_ptr<TcpListener> listener_;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
};

}  // namespace

Result<std::unique_ptr<RpcServer>> RpcServer::listen(Loop& loop, const Address& address, const TlsConfig& tls,
                                                     bool require_client_certificate, RpcLimits limits,
                                                     CallHandler on_call, NoticeHandler on_notice) {
    const auto peers = require_client_certificate  ? PeerCertificate::kRequired
                       : tls.trusted_roots.empty() ? PeerCertificate::kIgnored
                                                   : PeerCertificate::kOptional;
    FS_ASSIGN(auto context, make_tls_context(tls, TlsRole::kServer, TlsVersions::k13Only, peers));
    auto server = std::make_unique<Server>(std::move(context), peers, consistent(limits), std::move(on_call),
                                           std::move(on_notice));
    FS_TRY(server->open(loop, address));
    return std::unique_ptr<RpcServer>(std::move(server));
}

}  // namespace fairstream::base::net
