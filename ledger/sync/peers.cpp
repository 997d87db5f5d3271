#include "ledger/sync/peers.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace fairstream::ledger::sync {

using base::net::RpcClient;

namespace {

constexpr std::chrono::seconds kLongestCall{30};
constexpr std::size_t kMaxCertificatesPerNode = 4;

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
    auto peers = std::unique_ptr<Peers>(new Peers(loop, self));
    for (const auto& link : links)
        if (link.name == self || !peers->addresses_.emplace(link.name, link.address).second)
            return fail("unknown_peer", "peer " + link.name + " is this node itself, or stands twice");
    for (const auto& node : channel.config().nodes())
        if (node.name() != self && !peers->address_of(node))
            return fail("missing_peer", "no address is given for node " + node.name());
    peers->update(channel, own);
    return peers;
}

std::optional<base::net::Address> Peers::address_of(const proto::NodeEntry& node) const {
    if (const auto known = addresses_.find(node.name()); known != addresses_.end()) return known->second;
    const auto& text = node.peer_address();
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    // Channel::make has looked at it: host:port.
    return base::net::Address{text.substr(0, colon), static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1)))};
}

Result<Peers::Peer> Peers::make(const proto::NodeEntry& node, const contract::Channel& channel,
                                base::net::TlsConfig own) const {
    const auto address = address_of(node);
    if (!address) return fail("missing_peer", "no address is given for node " + node.name());
    FS_ASSIGN(own.trusted_roots, roots_of(channel, node.organisation()));
    return Peer{node.name(), node.organisation(), nullptr, *address, std::move(own)};
}

void Peers::update(const contract::Channel& channel, const base::net::TlsConfig& own) {
    std::vector<Peer> now;
    for (const auto& node : channel.config().nodes()) {
        if (node.name() == self_) continue;
        auto wanted = make(node, channel, own);
        if (!wanted) {
            base::log_warn("no link: {}", wanted.error().message);
            continue;
        }
        if (const auto* const old = peer(node.name()); old != nullptr && old->organisation == wanted->organisation &&
                                                       old->address == wanted->address && old->tls == wanted->tls)
            wanted->link = old->link;
        else
            wanted->link = RpcClient::make(loop_, wanted->address, wanted->tls, wanted->name, {});
        now.push_back(std::move(*wanted));
    }
    for (auto& old : peers_) {
        const auto same = [&](const Peer& kept) { return kept.link == old.link; };
        if (std::ranges::none_of(now, same)) retire(std::move(old.link));
    }
    peers_ = std::move(now);
}

/// Who has called on this link still waits for an answer, or for its time to be over.
void Peers::retire(std::shared_ptr<RpcClient> link) {
    retired_.push_back(std::move(link));
    scope_.after(kLongestCall, [this] { retired_.pop_front(); });
}

void Peers::close() {
    scope_.close();
    peers_.clear();
    retired_.clear();
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

void PeerDirectory::update(std::shared_ptr<const contract::Channel> channel) {
    channel_ = std::move(channel);
    names_.clear();
}

Result<std::string> PeerDirectory::name_of(ByteView certificate_der) {
    auto der = to_bytes(certificate_der);
    if (const auto found = names_.find(der); found != names_.end()) return found->second;
    const auto member = channel_->organisations().verify(der, base::wall_now());
    if (!member) return fail("unknown_peer", "a peer's certificate: " + member.error().message);
    const auto* const node = channel_->node(member->name);
    if (node == nullptr || node->organisation != member->org || !(node->key == member->key) ||
        member->role != identity::msp::Role::kNode)
        return fail("unknown_peer", "the certificate of " + member->org + "/" + member->name +
                                        " is of no node of the channel, or not of its key");
    if (names_.size() >= kMaxCertificatesPerNode * channel_->nodes().size()) names_.clear();
    names_.emplace(std::move(der), node->name);
    return node->name;
}

}  // namespace fairstream::ledger::sync
