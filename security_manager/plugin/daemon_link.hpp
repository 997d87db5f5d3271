#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "security_manager/gate/wire.hpp"

namespace fairstream::security_manager::plugin {

/// The gate's end of the socket to the daemon. Nothing here blocks: what cannot be read or written now waits for the
/// broker's next tick, and a daemon that does not read is as good as gone.
class DaemonLink {
public:
    explicit DaemonLink(std::string socket_path) : path_(std::move(socket_path)) {}

    /// Tries to connect. True when it now is.
    bool connect();
    bool connected() const { return static_cast<bool>(socket_); }
    void close();

    /// What has arrived. An error means that the link is closed: the daemon is gone or not understood.
    Result<std::vector<gate::wire::Message>> receive();
    /// Error, and closed: the daemon is gone, or reads too slowly.
    Status send(const gate::wire::Message& message);
    Status flush();

private:
    Error lose(std::string why);

    const std::string path_;
    base::FileDescriptor socket_;
    gate::wire::Reader reader_;
    Bytes waiting_;
};

}  // namespace fairstream::security_manager::plugin
