#include "ledger/sync/peers.hpp"

#include <algorithm>

namespace fairstream::ledger::sync {

using base::net::RpcClient;

namespace {

Result<std::string> roots_of(const contract::Channel& channel, const std::string& organisation) {
    for (const auto& entry : channel.config().organisations()) {
        if (entry.name() != organisation) continue;
        identity::msp::TrustedOrganisations only;
        FS_TRY(only.add(organisation, as_bytes(entry.ca_certificate())));
        return only.to_pem();
    }
    return fail("unknown_peer", "organisation " + organisation + " is not in the channel config");
}

}  // namespace

Result<std::unique_ptr<Peers>> Peers::open(base::net::Loop& loop, const contract::Channel& channel,
                                           const std::string& self, const std::vector<Link>& links,
                                           const base::net::TlsConfig& own) {
    auto peers = std::make_unique<Peers>();
    for (const auto& link : links) {
        const auto* const node = channel.node(link.name);
        if (node == nullptr || node->name == self || peers->peer(link.name) != nullptr)
            return fail("unknown_peer",
                        "peer " + link.name + " is no other node of channel " + channel.name() + ", or stands twice");
        base::net::TlsConfig tls = own;
        FS_ASSIGN(tls.trusted_roots, roots_of(channel, node->organisation));
        peers->peers_.push_back(
            {node->name, node->organisation, RpcClient::make(loop, link.address, tls, node->name, {})});
    }
    for (const auto& node : channel.nodes())
        if (node.name != self && peers->peer(node.name) == nullptr)
            return fail("missing_peer", "no address is given for node " + node.name);
    return peers;
}

const Peers::Peer* Peers::peer(std::string_view name) const {
    const auto found = std::ranges::find(peers_, name, &Peer::name);
    return found == peers_.end() ? nullptr : &*found;
}

std::size_t Peers::connected() const {
    return static_cast<std::size_t>(std::ranges::count_if(peers_, [](const Peer& p) { return p.link->connected(); }));
}

void Peers::notify_all(proto::PeerMethod method, const Bytes& payload) const {
    for (const auto& peer : peers_) peer.link->notify(static_cast<std::uint16_t>(method), payload);
}

void Peers::call(const Peer& peer, proto::PeerMethod method, Bytes payload, std::chrono::milliseconds timeout,
                 RpcClient::ReplyHandler on_reply) const {
    peer.link->call(static_cast<std::uint16_t>(method), std::move(payload), timeout, std::move(on_reply));
}

PeerDirectory::PeerDirectory(const contract::Channel& channel) {
    for (const auto& node : channel.config().nodes())
        names_.emplace(to_bytes(std::string_view(node.certificate())), node.name());
}

Result<std::string> PeerDirectory::name_of(ByteView certificate_der) const {
    const auto found = names_.find(to_bytes(certificate_der));
    if (found == names_.end()) return fail("unknown_peer", "this certificate is of no node of the channel");
    return found->second;
}

}  // namespace fairstream::ledger::sync
