#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/net/loop.hpp"
#include "security_manager/gate/wire.hpp"

namespace fairstream::security_manager::service {

/// The daemon's end of the gate's socket (mode 0600). A broker's gate that connects is told who we are and every live
/// session, then each change as it happens. A gate that does not keep up is cut off; it closes, and comes back.
/// On the loop thread.
class GateLink {
public:
    struct Handlers {
        std::function<gate::wire::DaemonHello()> hello;
        std::function<std::vector<gate::wire::Message>()> greeting;  // what a gate is to know, after the hello
        std::function<void(const gate::wire::Message&)> on_message;
        std::function<void(std::size_t)> on_gates;  // how many are connected
    };
    /// Error: listen_failed.
    static Result<std::unique_ptr<GateLink>> listen(base::net::Loop& loop, const std::filesystem::path& socket,
                                                    Handlers handlers);
    ~GateLink();

    /// To every connected gate; written before this returns unless the socket is full.
    void send(const gate::wire::Message& message);
    std::size_t gates() const;

private:
    struct Impl;
    explicit GateLink(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace fairstream::security_manager::service
