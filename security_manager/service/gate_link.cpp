#include "security_manager/service/gate_link.hpp"

#include <map>

#include "base/log.hpp"
#include "base/net/unix_socket.hpp"

namespace fairstream::security_manager::service {

namespace wire = gate::wire;
using base::net::UnixPeer;
using base::net::UnixServer;

struct GateLink::Impl {
    struct Gate {
        std::shared_ptr<UnixPeer> peer;
        wire::Reader reader;
        bool greeted = false;
    };

    void accepted(const std::shared_ptr<UnixPeer>& peer) { gates[peer.get()] = Gate{peer, {}, false}; }

    void lost(UnixPeer& peer) {
        const auto found = gates.find(&peer);
        if (found == gates.end()) return;
        if (found->second.greeted) base::log_warn("a broker's gate was lost");
        gates.erase(found);
        handlers.on_gates(greeted());
    }

    void data(UnixPeer& peer, ByteView received) {
        if (gates.contains(&peer)) gates[&peer].reader.feed(received);
        // What a message leads to may lose the gate, so it is looked up for each.
        for (auto found = gates.find(&peer); found != gates.end(); found = gates.find(&peer)) {
            const auto message = found->second.reader.next();
            if (message && !*message) return;
            if (!message || !take(found->second, **message)) return cut_off(peer);
        }
    }

    void cut_off(UnixPeer& peer) {
        const auto found = gates.find(&peer);
        if (found == gates.end()) return;
        base::log_warn("a gate was cut off: it is another operator's, or speaks another protocol");
        const auto keep = found->second.peer;
        keep->close();
        lost(peer);
    }

    /// False: the gate is not one we can speak with.
    bool take(Gate& gate, const wire::Message& message) {
        if (const auto* hello = std::get_if<wire::GateHello>(&message)) return greet(gate, *hello);
        if (!gate.greeted) return false;
        handlers.on_message(message);
        return true;
    }

    bool greet(Gate& gate, const wire::GateHello& hello) {
        const wire::DaemonHello ours = handlers.hello();
        if (gate.greeted || hello.version != wire::kVersion || hello.operator_name != ours.operator_name) return false;
        gate.greeted = true;
        const auto peer = gate.peer;  // a send that fails forgets the gate
        bool sent = peer->send(wire::encode(ours));
        for (const auto& one : handlers.greeting()) sent = sent && peer->send(wire::encode(one));
        if (sent) handlers.on_gates(greeted());
        return true;
    }

    std::size_t greeted() const {
        std::size_t n = 0;
        for (const auto& [key, gate] : gates) n += gate.greeted ? 1 : 0;
        return n;
    }

    Handlers handlers;
    std::map<UnixPeer*, Gate> gates;
    std::unique_ptr<UnixServer> server;  // goes first: its handlers touch the rest
};

GateLink::GateLink(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
GateLink::~GateLink() {
    impl_->server.reset();
}

Result<std::unique_ptr<GateLink>> GateLink::listen(base::net::Loop& loop, const std::filesystem::path& socket,
                                                   Handlers handlers) {
    const auto impl = std::make_shared<Impl>();
    impl->handlers = std::move(handlers);
    UnixServer::Handlers on;
    on.on_accepted = [raw = impl.get()](const std::shared_ptr<UnixPeer>& peer) { raw->accepted(peer); };
    on.on_data = [raw = impl.get()](UnixPeer& peer, ByteView data) { raw->data(peer, data); };
    on.on_lost = [raw = impl.get()](UnixPeer& peer) { raw->lost(peer); };
    FS_ASSIGN(impl->server, UnixServer::listen(loop, socket, {}, std::move(on)));
    return std::unique_ptr<GateLink>(new GateLink(impl));
}

void GateLink::send(const wire::Message& message) {
    const Bytes bytes = wire::encode(message);
    std::vector<std::shared_ptr<UnixPeer>> peers;
    for (const auto& [key, gate] : impl_->gates)
        if (gate.greeted) peers.push_back(gate.peer);
    for (const auto& peer : peers) peer->send(bytes);  // one that fails is lost by itself
}

std::size_t GateLink::gates() const {
    return impl_->greeted();
}

}  // namespace fairstream::security_manager::service
