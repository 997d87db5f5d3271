#include "base/net/rpc_link.hpp"

#include <netinet/tcp.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace fairstream::base::net {

namespace asio = boost::asio;
using boost::system::error_code;

bool Outbox::put(FrameKind kind, std::uint16_t method, std::uint64_t id, ByteView payload, Room room) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    const std::size_t queued = waiting_.size() + being_written_;
    if (room == Room::kBounded && queued + kFrameHeaderBytes + payload.size() > max_bytes_) return false;
    encode_frame(waiting_, kind, method, id, payload);
    if (!std::exchange(awake_, true)) wake_();
    return true;
}

Bytes Outbox::take() {
    const std::lock_guard lock(mutex_);
    Bytes taken = std::exchange(waiting_, {});
    being_written_ = taken.size();
    awake_ = !taken.empty();
    return taken;
}

void Outbox::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_ = {};
}

std::shared_ptr<Link> Link::make(Socket socket, asio::ssl::context& context, const RpcLimits& limits) {
    auto link = std::shared_ptr<Link>(new Link(std::move(socket), context, limits));
    // The link closes the outbox before it goes, so that a wake finds the executor alive.
    link->outbox_ = std::make_shared<Outbox>(
        limits.max_queued_bytes, [executor = link->stream_.get_executor(), weak = std::weak_ptr<Link>(link)] {
            asio::post(executor, [weak] {
                if (const auto self = weak.lock()) self->write();
            });
        });
    return link;
}

Link::Link(Socket socket, asio::ssl::context& context, const RpcLimits& limits)
    : stream_(std::move(socket), context),
      deadline_(stream_.get_executor()),
      handshake_timeout_(limits.handshake_timeout),
      reader_(limits.max_frame_bytes) {}

void Link::start(asio::ssl::stream_base::handshake_type role, Events events) {
    events_ = std::make_shared<const Events>(std::move(events));
    deadline_.expires_after(handshake_timeout_);
    deadline_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!error && self) self->lose({"timeout", "the handshake took too long"});
    });
    stream_.async_handshake(role, [self = shared_from_this()](const error_code& error) {
        if (self->closed_) return;
        if (error) return self->lose({"tls_failed", "TLS handshake: " + error.message()});
        self->secured_ = true;
        const auto events_now = self->events_;
        events_now->on_secured();
        self->write();
        self->read();
    });
}

void Link::admitted() {
    deadline_.cancel();
}

void Link::read() {
    if (closed_) return;
    stream_.async_read_some(asio::buffer(chunk_),
                            [self = shared_from_this()](const error_code& error, std::size_t size) {
                                if (self->closed_) return;
                                if (error) return self->lose({"disconnected", "connection lost: " + error.message()});
                                self->received(size);
                                self->read();
                            });
}

void Link::received(std::size_t size) {
    reader_.feed(ByteView(chunk_.data(), size));
    const auto events = events_;
    while (!closed_) {
        auto frame = reader_.next();
        if (!frame) return lose(std::move(frame).error());
        if (!frame->has_value()) return;
        events->on_frame(std::move(**frame));
    }
}

void Link::write() {
    if (closed_ || writing_ || !secured_) return;
    in_flight_ = outbox_->take();
    if (in_flight_.empty()) return;
    writing_ = true;
    asio::async_write(stream_, asio::buffer(in_flight_),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                          self->writing_ = false;
                          if (self->closed_) return;
                          if (error) return self->lose({"disconnected", "connection lost: " + error.message()});
                          self->write();
                      });
}

void Link::close() {
    if (std::exchange(closed_, true)) return;
    outbox_->close();
    deadline_.cancel();
    error_code ignored;
    stream_.next_layer().close(ignored);
    events_.reset();
}

void Link::lose(Error why) {
    if (closed_) return;
    const auto events = events_;
    close();
    events->on_closed(why);
}

void tune_socket(asio::ip::tcp::socket& socket) {
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>(10), ignored);
    socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>(5), ignored);
    socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>(3), ignored);
    socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>(30'000), ignored);
}

RpcLimits consistent(RpcLimits limits) {
    limits.max_queued_bytes = std::max(limits.max_queued_bytes, limits.max_frame_bytes + kFrameHeaderBytes);
    return limits;
}

}  // namespace fairstream::base::net
