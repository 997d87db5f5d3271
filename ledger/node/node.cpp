#include "ledger/node/node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ledger/node/node_impl.hpp"

namespace fairstream::ledger::node {

using base::net::RpcServer;

namespace {

constexpr std::size_t kPoolQueue = 16'384;
constexpr std::size_t kSharesOfMempool = 8;  // one creator fills at most one

/// Runs `job` where nothing of the loop runs beside it: on its thread, or here if it does not run at all.
void on_loop(base::net::Loop& loop, const std::function<void()>& job) {
    if (loop.on_loop_thread() || !loop.running()) return job();
    std::promise<void> done;
    loop.post([&] {
        job();
        done.set_value();
    });
    done.get_future().wait();
}

}  // namespace

Result<std::unique_ptr<Node>> Node::start(base::net::Loop& loop, NodeConfig config, base::Metrics& metrics) {
    auto impl = std::make_unique<Impl>(loop, std::move(config), metrics);
    FS_TRY(impl->open());
    if (auto listening = impl->listen(); !listening) {
        on_loop(loop, [&] { impl->stop(); });
        return fail(std::move(listening).error());
    }
    impl->scope.post([parts = impl.get()] { parts->begin(); });
    return std::unique_ptr<Node>(new Node(std::move(impl)));
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Node::~Node() {
    stop();
}

Node::Ports Node::ports() const {
    return {.peer = impl_->peer_server->port(), .gateway = impl_->gateway_server->port()};
}

Health Node::health() const {
    Health health;
    on_loop(impl_->loop, [&] { health = impl_->health(); });
    return health;
}

Status Node::use_certificate(std::string certificate_chain) {
    Status done;
    on_loop(impl_->loop, [&] { done = impl_->use_certificate(std::move(certificate_chain)); });
    return done;
}

void Node::stop() {
    if (!impl_) return;
    on_loop(impl_->loop, [this] { impl_->stop(); });
    // Nothing of this node runs on the loop any more; what the threads still do, they finish. The writer goes first: it
    // may wait for signatures that the pool verifies.
    impl_->writer.reset();
    impl_->pool.reset();
    impl_.reset();
}

Node::Impl::Impl(base::net::Loop& used_loop, NodeConfig used_config, base::Metrics& used_metrics)
    : loop(used_loop),
      config(std::move(used_config)),
      metrics(used_metrics),
      keys(config.key, config.next_key),
      scope(used_loop) {}

/// `pem` begins with a certificate of this node for this key, and has not ended.
Status Node::Impl::check_certificate(const std::string& pem, const identity::crypto::SigningKey& key) const {
    FS_ASSIGN(const auto certificate, identity::msp::MemberCertificate::from_pem(pem));
    if (certificate.role != identity::msp::Role::kNode || certificate.name != config.name)
        return fail("wrong_key", fmt::format("the certificate is of {} {}, not of node {}",
                                             identity::msp::to_text(certificate.role), certificate.name, config.name));
    if (!(certificate.key == key.public_key()))
        return fail("wrong_key", "the certificate of " + config.name + " is not of this key");
    if (certificate.not_after < base::wall_now())
        return fail("expired",
                    fmt::format("the certificate of {} ended at {}; have the CA of {} issue a new one for the "
                                "same key, and put it in its place",
                                config.name, base::to_rfc3339(certificate.not_after), certificate.org));
    return {};
}

/// This node is who the config in force says, or is to become it.
Status Node::Impl::check_identity() const {
    const auto* const self = channel->node(config.name);
    FS_ASSIGN(const auto certificate, identity::msp::MemberCertificate::from_pem(config.certificate_chain));
    if (keys.listed(*channel, config.name) != nullptr && self->organisation == certificate.org) {
        FS_TRY(channel->organisations().verify(certificate.der, base::wall_now()));
        return {};
    }
    if (config.joining) return {};
    const auto why = self == nullptr ? "the channel config in force has no node " + config.name
                                     : "this key is not the one that the channel config lists for " + config.name;
    return fail("wrong_key", why + "; if the consortium is about to list it, start with `joining: true`");
}

base::net::TlsConfig Node::Impl::own_tls() const {
    const auto* const listed = keys.listed(*channel, config.name);
    const bool next = listed != nullptr && config.next_key && listed->public_key() == config.next_key->public_key();
    return {next ? config.next_certificate_chain : config.certificate_chain,
            (next ? *config.next_key : config.key).to_pem(), channel->organisations().to_pem()};
}

/// To all who connect from now on, and on new links to peers.
Status Node::Impl::show_certificate() {
    const auto own = own_tls();
    FS_ASSIGN(const auto certificate, identity::msp::MemberCertificate::from_pem(own.certificate_chain));
    FS_TRY(peer_server->use(own));
    FS_TRY(gateway_server->use({own.certificate_chain, own.private_key, {}}));
    peers->update(*channel, own);
    certificate_until = certificate.not_after;
    return {};
}

Status Node::Impl::use_certificate(std::string pem) {
    FS_TRY(check_certificate(pem, config.key));
    config.certificate_chain = std::move(pem);
    return show_certificate();
}

Status Node::Impl::open() {
    FS_ASSIGN(auto genesis, contract::Channel::make(config.genesis));
    channels.emplace(std::move(genesis));
    config.contracts.push_back(snapshot::make_contract());
    FS_TRY(check_certificate(config.certificate_chain, config.key));
    if (config.next_key) FS_TRY(check_certificate(config.next_certificate_chain, *config.next_key));
    pool = std::make_unique<base::Pool>(std::max<std::size_t>(config.pool_threads, 1), kPoolQueue);
    FS_ASSIGN(chain, Chain::open(config.data_folder, *channels, *pool,
                                 {config.genesis_snapshot, config.segment_bytes, &checked_before}));
    channel = channels->at(chain->tip().height + 1);
    FS_TRY(check_identity());
    FS_ASSIGN(const auto certificate, identity::msp::MemberCertificate::from_pem(own_tls().certificate_chain));
    organisation = certificate.org;
    certificate_until = certificate.not_after;
    const auto guard = config.guard_file.empty() ? config.data_folder / "votes.guard" : config.guard_file;
    FS_ASSIGN(auto log, order::VoteLog::open({config.data_folder / "votes.log", guard}, chain->tip().height,
                                             /*new_key=*/keys.listed(*channel, config.name) == nullptr));
    if (log.bytes_cut > 0) base::log_warn("cut {} bytes of a torn write off the vote log", log.bytes_cut);
    votes = std::move(log.log);
    recovered = std::move(log.recovered);
    FS_ASSIGN(evidence, order::EvidenceStore::open(config.data_folder / "evidence"));

    const auto& limits = channel->config().limits();
    mempool = std::make_unique<Mempool>(Mempool::Bounds{
        config.max_waiting, config.max_waiting_bytes, limits.max_block_transactions(), limits.max_block_bytes(),
        config.max_waiting / kSharesOfMempool, config.max_waiting_bytes / kSharesOfMempool});
    endorser = std::make_unique<endorse::Endorser>(*channels, config.contracts, chain->state(), chain->private_store(),
                                                   config.name, keys);
    directory = std::make_unique<sync::PeerDirectory>(*channels);
    writer = std::make_unique<base::Pool>(1, kPoolQueue);
    ordering = std::make_unique<Ordering>(
        Ordering::Parts{loop, *pool, *writer, channel, config.name, keys, *votes, *evidence, *mempool, metrics},
        Ordering::Hooks{.broadcast = [this](const proto::SignedOrderMessage& message) { broadcast(message); },
                        .fetch_blocks = [this] { block_fetcher->fetch(); },
                        .decided = [this](proto::DecidedBlock decided) { commit(std::move(decided)); },
                        .failed = [this](const Error& error) { failed(error); }});
    gateway_service = std::make_unique<gateway::Gateway>(gateway::Parts{loop, *pool, *channels, config.name,
                                                                        organisation, *endorser, chain->state(),
                                                                        chain->blocks(), metrics, config.spans, *this});
    return {};
}

Status Node::Impl::listen() {
    const auto own = own_tls();
    std::vector<sync::Peers::Link> links;
    for (const auto& peer : config.peers) links.push_back({peer.name, peer.address});
    FS_ASSIGN(peers, sync::Peers::open(loop, *channel, config.name, links, own, config.peer_listen.host));
    block_fetcher = std::make_unique<sync::BlockFetcher>(
        loop, *channels, *peers, chain->tip().height,
        sync::BlockFetcher::Hooks{[this](proto::DecidedBlock decided) { take_fetched(std::move(decided)); },
                                  [this](std::uint64_t known, bool pruned) { behind(known, pruned); }});
    prepare_snapshots();
    private_fetcher = std::make_unique<sync::PrivateFetcher>(loop, *peers, chain->private_store(), *writer);

    FS_ASSIGN(peer_server,
              RpcServer::listen(
                  loop, config.peer_listen, own, /*require_client_certificate=*/true, {},
                  [this](auto call, auto responder) { on_peer_call(std::move(call), std::move(responder)); },
                  [this](auto call) { on_peer_notice(std::move(call)); }));
    const base::net::TlsConfig without_clients{own.certificate_chain, own.private_key, {}};
    FS_ASSIGN(
        gateway_server,
        RpcServer::listen(
            loop, config.gateway_listen, without_clients, /*require_client_certificate=*/false, {},
            [this](auto call, auto responder) { gateway_service->on_call(std::move(call), std::move(responder)); },
            [](const auto&) {}));
    return {};
}

void Node::Impl::begin() {
    block_fetcher->start();
    private_fetcher->fetch();
    ordering->start(chain->tip(), std::move(recovered));
    snapshotter->start();
    block_check = std::make_unique<BlockCheck>(chain->blocks(), metrics);
    expire_waiting();
    base::log_info("node {} of channel {} is at height {}", config.name, channel->name(), chain->tip().height);
}

void Node::Impl::stop() {
    if (stopped) return;
    stopped = true;
    scope.close();
    peer_server.reset();
    gateway_server.reset();
    ordering->close();
    gateway_service->close();
    if (block_fetcher) block_fetcher->close();
    if (private_fetcher) private_fetcher->close();
    if (snapshotter) snapshotter->close();
    if (snapshot_fetcher) snapshot_fetcher->close();
    if (peers) peers->close();
}

Health Node::Impl::health() const {
    const auto is_ready = ready();
    const auto now = progress();
    return {.ready = is_ready.has_value(),
            .reason = is_ready ? std::string() : is_ready.error().message,
            .height = now.height,
            .sealed_height = now.sealed_height,
            .waiting = now.waiting,
            .peers_connected = peers->connected(),
            .failed = failure.has_value(),
            .votes = keys.listed(*channel, config.name) != nullptr,
            .config_epoch = channel->epoch(),
            .round = now.round,
            .certificate_until = certificate_until};
}

}  // namespace fairstream::ledger::node
