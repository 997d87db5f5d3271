#include "security_manager/plugin/daemon_link.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace fairstream::security_manager::plugin {

namespace {
constexpr std::size_t kMaxWaiting = 4u << 20;
/// Per call, so that a talkative daemon cannot hold up the broker.
constexpr std::size_t kMaxReceived = 1u << 20;
}  // namespace

bool DaemonLink::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.empty() || path_.size() >= sizeof(address.sun_path)) return false;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    base::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    // A local connect succeeds or fails at once (EAGAIN: the daemon's backlog is full).
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return false;
    socket_ = std::move(socket);
    reader_ = {};
    waiting_.clear();
    return true;
}

void DaemonLink::close() {
    socket_ = {};
    waiting_.clear();
}

Error DaemonLink::lose(std::string why) {
    close();
    return Error{"daemon_gone", std::move(why)};
}

Result<std::vector<gate::wire::Message>> DaemonLink::receive() {
    std::vector<gate::wire::Message> messages;
    if (!socket_) return messages;
    std::array<std::uint8_t, 64u << 10> chunk;
    for (std::size_t received = 0; received < kMaxReceived;) {
        const ssize_t n = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (n == 0) return fail(lose("the daemon closed the socket"));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (n < 0) return fail(lose(fmt::format("reading the daemon's socket: {}", std::strerror(errno))));
        reader_.feed(ByteView(chunk.data(), static_cast<std::size_t>(n)));
        received += static_cast<std::size_t>(n);
        for (;;) {
            auto message = reader_.next();
            if (!message) return fail(lose(message.error().message));
            if (!*message) break;
            messages.push_back(std::move(**message));
        }
        if (static_cast<std::size_t>(n) < chunk.size()) break;
    }
    return messages;
}

Status DaemonLink::send(const gate::wire::Message& message) {
    if (!socket_) return fail("daemon_gone", "not connected to the daemon");
    append(waiting_, gate::wire::encode(message));
    if (waiting_.size() > kMaxWaiting) return fail(lose("the daemon does not read"));
    return flush();
}

Status DaemonLink::flush() {
    while (socket_ && !waiting_.empty()) {
        const ssize_t n = ::send(socket_.get(), waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (n < 0) return fail(lose(fmt::format("writing to the daemon's socket: {}", std::strerror(errno))));
        waiting_.erase(waiting_.begin(), waiting_.begin() + n);
    }
    return {};
}

}  // namespace fairstream::security_manager::plugin
