#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/bytes.hpp"
#include "base/net/loop.hpp"
#include "base/result.hpp"

/// Byte streams between processes of one machine over a Unix socket that only its owner may open (mode 0600).
namespace fairstream::base::net {

/// One accepted connection. On the loop thread.
class UnixPeer {
public:
    virtual ~UnixPeer() = default;
    /// Written before this returns unless the socket is full; then queued. False, and the peer is lost, if it is gone
    /// or more than the limit waits for it.
    virtual bool send(ByteView data) = 0;
    /// Drops the connection; `on_lost` is not called.
    virtual void close() = 0;
};

class UnixServer {
public:
    struct Handlers {
        std::function<void(const std::shared_ptr<UnixPeer>&)> on_accepted;
        std::function<void(UnixPeer&, ByteView)> on_data;
        std::function<void(UnixPeer&)> on_lost;  // once, the last of this peer
    };
    struct Limits {
        std::size_t max_peers = 16;
        std::size_t max_queued_bytes = 32u << 20;  // per peer, outgoing
    };

    /// Replaces a socket file that a dead process left behind; refuses one that is being listened to. A path has at
    /// most 107 bytes. Error: listen_failed.
    static Result<std::unique_ptr<UnixServer>> listen(Loop& loop, const std::filesystem::path& path, Limits limits,
                                                      Handlers handlers);
    /// Drops every connection and removes the socket file. On the loop thread, or after the loop has stopped.
    virtual ~UnixServer() = default;
};

}  // namespace fairstream::base::net
