#include "ledger/sync/peers.hpp"

#include <fmt/format.h>

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
                                           const base::net::TlsConfig& own, const std::string& from) {
    auto peers = std::unique_ptr<Peers>(new Peers(loop, self, from));
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
            wanted->link = RpcClient::make(loop_, wanted->address, wanted->tls, wanted->name, {}, from_);
        now.push_back(std::move(*wanted));
    }
    for (auto& old : peers_) {
        const auto same = [&](const Peer& kept) { return kept.link == old.link; };
        if (std::ranges::none_of(now, same)) retire(std::move(old.link));
    }
    peers_ = std::move(now);
    std::erase_if(silent_, [this](const auto& one) { return peer(one.first) == nullptr; });
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
                 RpcClient::ReplyHandler on_reply) {
    peer.link->call(static_cast<std::uint16_t>(method), std::move(payload), timeout,
                    [this, name = peer.name, then = std::move(on_reply)](Result<Bytes> answer) {
                        answered(name, answer);
                        then(std::move(answer));
                    });
}

void Peers::answered(const std::string& peer, const Result<Bytes>& answer) {
    if (answer || (answer.error().code != "unknown_peer" && answer.error().code != "disconnected")) {
        silent_.erase(peer);
        return;
    }
    if (this->peer(peer) == nullptr) return;  // removed meanwhile
    auto& known = silent_[peer];
    if (answer.error().code == "unknown_peer" && known.message != answer.error().message)
        base::log_warn("{} refuses this node: {}", peer, answer.error().message);
    known = answer.error();
}

Result<PeerDirectory::Caller> PeerDirectory::judge(const identity::msp::MemberIdentity& member) const {
    const auto channel = channels_.newest();
    const auto is_of = [&](const contract::Channel::Node* node) {
        return node != nullptr && node->organisation == member.org && member.role == identity::msp::Role::kNode;
    };
    const auto* const node = channel->node(member.name);
    if (is_of(node) && node->key == member.key) return Caller{.name = member.name, .reads_only = false};
    const auto epochs = channels_.all();
    const bool was_listed = std::ranges::any_of(epochs, [&](const auto& epoch) {
        const auto* const then = epoch->node(member.name);
        return is_of(then) && then->key == member.key;
    });
    if (was_listed && is_of(node)) return Caller{.name = member.name, .reads_only = true};
    return fail("unknown_peer",
                fmt::format("the certificate of {}/{} is of no node of the channel, or not of its key: config epoch {} "
                            "{}",
                            member.org, member.name, channel->epoch(),
                            was_listed ? "has removed it" : "does not list it, nor did one before"));
}

Result<PeerDirectory::Caller> PeerDirectory::caller(ByteView certificate_der) {
    auto der = to_bytes(certificate_der);
    if (const auto found = callers_.find(der); found != callers_.end()) return found->second;
    const auto channel = channels_.newest();
    const auto member = channel->organisations().verify(der, base::wall_now());
    if (!member) return fail("unknown_peer", "a peer's certificate: " + member.error().message);
    FS_ASSIGN(auto caller, judge(*member));
    if (callers_.size() >= kMaxCertificatesPerNode * channel->nodes().size()) callers_.clear();
    callers_.emplace(std::move(der), caller);
    return caller;
}

}  // namespace fairstream::ledger::sync
