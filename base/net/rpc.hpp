#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/net/loop.hpp"
#include "base/net/tls.hpp"
#include "base/result.hpp"

/// Framed links over TLS 1.3: calls, one-way notices and streams of items, multiplexed on one connection.
/// Frame: u32 length | u8 kind | u16 method | u64 id | payload, big-endian.
namespace fairstream::base::net {

struct RpcLimits {
    std::size_t max_frame_bytes = 32u << 20;
    std::size_t max_queued_bytes = 64u << 20;  // per connection, outgoing; a full queue refuses (busy)
    std::size_t max_connections = 1024;
    std::size_t max_pending_calls = 4096;  // per connection
    std::chrono::milliseconds handshake_timeout{5000};
};

/// Answers one call: any number of items (if the caller asked for a stream), then exactly one reply or failure. Safe
/// from any thread; dropping it unanswered fails the call (internal).
class Responder {
public:
    virtual ~Responder() = default;
    /// False when the caller is gone or its queue is full; the sender should wait and try again, or give up.
    virtual bool item(Bytes payload) = 0;
    virtual void reply(Bytes payload) = 0;
    virtual void fail(Error error) = 0;
    virtual bool alive() const = 0;
};

struct RpcCall {
    std::uint16_t method = 0;
    Bytes payload;
    Bytes peer_certificate_der;  // empty when the peer showed none
};

class RpcServer {
public:
    using CallHandler = std::function<void(RpcCall, std::shared_ptr<Responder>)>;
    using NoticeHandler = std::function<void(RpcCall)>;

    /// With `require_client_certificate`, peers must show one that chains to `tls.trusted_roots`; without, they may.
    /// Handlers run on the loop thread. Errors: listen_failed, bad_tls.
    static Result<std::unique_ptr<RpcServer>> listen(Loop& loop, const Address& address, const TlsConfig& tls,
                                                     bool require_client_certificate, RpcLimits limits,
                                                     CallHandler on_call, NoticeHandler on_notice);
    /// On the loop thread (not inside a handler of its own), or after the loop has stopped. No handler runs after it.
    virtual ~RpcServer() = default;
    virtual std::uint16_t port() const = 0;
    /// Another certificate, key or roots, for connections accepted from now on. On the loop thread. Error: bad_tls, and
    /// all stays as it was.
    virtual Status use(const TlsConfig& tls) = 0;
};

/// One connection that reconnects by itself (50 ms to 2 s, with jitter) and keeps nothing across a reconnect: calls
/// under way fail with `disconnected`, and the caller decides whether a retry is safe. A call made while a connection
/// is being opened waits for how that ends; between two attempts it fails at once.
class RpcClient {
public:
    using ReplyHandler = std::function<void(Result<Bytes>)>;
    using ItemHandler = std::function<void(Bytes)>;

    /// `server_name` must be among the DNS or IP names of the server's certificate. `from`: an IP address of this
    /// machine that connections leave from; one of no machine in particular (0.0.0.0), of another kind than the
    /// server's (IPv4 or not, loopback or not) or empty: the system chooses.
    static std::shared_ptr<RpcClient> make(Loop& loop, const Address& address, const TlsConfig& tls,
                                           std::string server_name, RpcLimits limits, const std::string& from = {});
    /// From any thread. Calls under way are forgotten: none of their handlers runs once this has returned on the loop
    /// thread (one that runs at this moment may finish, if it is another thread that destroys the client).
    virtual ~RpcClient() = default;

    /// From any thread; `on_reply` runs on the loop, never before this returns. Errors: disconnected, timeout, busy,
    /// too_large, and what the server answered.
    virtual void call(std::uint16_t method, Bytes payload, std::chrono::milliseconds timeout,
                      ReplyHandler on_reply) = 0;
    /// A call that is answered by items first; no timeout between them. Returns an id for `cancel`.
    virtual std::uint64_t stream(std::uint16_t method, Bytes payload, ItemHandler on_item, ReplyHandler on_end) = 0;
    /// No handler of this stream runs any more (once this has returned on the loop thread).
    virtual void cancel(std::uint64_t stream) = 0;
    /// One-way. False (and dropped) when not connected or the queue is full.
    virtual bool notify(std::uint16_t method, Bytes payload) = 0;
    virtual bool connected() const = 0;

    /// Blocks the calling thread, which must not be the loop's.
    Result<Bytes> call_and_wait(std::uint16_t method, Bytes payload, std::chrono::milliseconds timeout);
};

}  // namespace fairstream::base::net
