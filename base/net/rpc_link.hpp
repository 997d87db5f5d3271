#pragma once

#include <array>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/net/rpc.hpp"
#include "base/net/rpc_wire.hpp"

/// One RPC connection, the same on both ends. For base/net's own sources.
namespace fairstream::base::net {

/// Frames waiting to be written: any thread puts, the loop thread takes all at once, so that many small frames become
/// one write. Bounded.
class Outbox {
public:
    /// `wake` is called, from the putting thread, when the first frame waits; never after close(). It must not call
    /// back.
    Outbox(std::size_t max_bytes, std::function<void()> wake) : max_bytes_(max_bytes), wake_(std::move(wake)) {}

    /// kBounded respects the limit; kAlways is for what must be said and is small or counted elsewhere.
    enum class Room { kBounded, kAlways };
    /// False when closed or full: the frame is dropped.
    bool put(FrameKind kind, std::uint16_t method, std::uint64_t id, ByteView payload, Room room = Room::kBounded);
    /// All that waits; empty if nothing. Until the next take(), what was taken still counts against the limit.
    Bytes take();
    void close();
    bool open() const { return !closed_; }

private:
    const std::size_t max_bytes_;
    std::function<void()> wake_;
    std::mutex mutex_;
    Bytes waiting_;
    std::size_t being_written_ = 0;
    bool awake_ = false;
    std::atomic<bool> closed_{false};
};

/// A TLS connection that carries frames. All on the loop thread, except what the Outbox allows.
class Link : public std::enable_shared_from_this<Link> {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Stream = boost::asio::ssl::stream<Socket>;

    struct Events {
        std::function<void()> on_secured;             // the handshake is done
        std::function<void(Frame)> on_frame;          // not called after close()
        std::function<void(const Error&)> on_closed;  // once, not if close() was called from outside
    };

    ~Link() { outbox_->close(); }
    static std::shared_ptr<Link> make(Socket socket, boost::asio::ssl::context& context, const RpcLimits& limits);

    /// Handshakes, then reads. The peer has `handshake_timeout` until `admitted()` is called.
    void start(boost::asio::ssl::stream_base::handshake_type role, Events events);
    void admitted();
    /// Drops the connection; no event follows.
    void close();

    SSL* native() { return stream_.native_handle(); }
    const std::shared_ptr<Outbox>& outbox() const { return outbox_; }

private:
    Link(Socket socket, boost::asio::ssl::context& context, const RpcLimits& limits);
    void read();
    void received(std::size_t size);
    void write();
    void lose(Error why);

    Stream stream_;
    boost::asio::steady_timer deadline_;
    const std::chrono::milliseconds handshake_timeout_;
    std::shared_ptr<const Events> events_;  // held while one of them runs, whatever it does to this link
    FrameReader reader_;
    std::array<std::uint8_t, 16u << 10> chunk_{};  // one TLS record
    std::shared_ptr<Outbox> outbox_;
    Bytes in_flight_;
    bool secured_ = false;
    bool writing_ = false;
    bool closed_ = false;
};

/// TCP_NODELAY, and keep-alive probes that notice a silent peer within about half a minute.
void tune_socket(boost::asio::ip::tcp::socket& socket);

/// The limits as links use them: a queue always has room for one frame of the greatest size.
RpcLimits consistent(RpcLimits limits);

}  // namespace fairstream::base::net
