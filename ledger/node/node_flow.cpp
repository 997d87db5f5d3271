#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ledger/node/node_impl.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

constexpr auto kExpireEvery = 5s;
/// What has waited for longer may have reached nobody else: it is handed on again, so many at a time.
constexpr auto kHandOnAfter = 2s;
constexpr std::size_t kHandOnCount = 100;

}  // namespace

Status Node::Impl::ready() const {
    if (failure) return fail("unavailable", "this node has stopped: " + failure->message);
    if (keys.listed(*channel, config.name) == nullptr)
        return fail("unavailable",
                    fmt::format("{} is no member of the channel config in force (epoch {}), or has another "
                                "key there: it only follows, at height {}{}",
                                config.name, channel->epoch(), ordering->tip().height, refusals()));
    const std::size_t reached = peers->connected() + 1;
    if (reached < channel->quorum()) {
        const auto& silent = peers->silent();
        return fail("unavailable",
                    fmt::format("this node reaches {} of {} nodes, {} are needed{}", reached, channel->nodes().size(),
                                channel->quorum(), silent.empty() ? "" : "; " + silent.begin()->second.message));
    }
    if (const auto refused = refusals(); !refused.empty())
        return fail("unavailable", fmt::format("this node is at height {}{}", ordering->tip().height, refused));
    if (to_install)
        return fail("unavailable", fmt::format("this node installs the snapshot of height {}", to_install->height));
    if (snapshot_fetcher->running())
        return fail("unavailable", "this node is joining: " + snapshot_fetcher->progress());
    if (!block_fetcher->caught_up())
        return fail("unavailable", fmt::format("this node is catching up: at height {} of {}", ordering->tip().height,
                                               block_fetcher->known_height()));
    return {};
}

/// What more than f of the peers say who refuse this node, so that no liar among them decides; or nothing.
std::string Node::Impl::refusals() const {
    std::size_t count = 0;
    const std::string* why = nullptr;
    for (const auto& [name, error] : peers->silent()) {
        if (error.code != "unknown_peer") continue;
        ++count;
        why = &error.message;
    }
    if (count <= channel->faults()) return {};
    return fmt::format("; {} of {} nodes refuse it: {}", count, channel->nodes().size(), *why);
}

gateway::Progress Node::Impl::progress() const {
    const auto& tip = ordering->tip();
    // Block h carries the root of the outcomes of h-1; a block without transactions has none to agree on.
    const bool unsealed = tip.height > 0 && tip.has_transactions;
    return {.height = tip.height,
            .sealed_height = unsealed ? tip.height - 1 : tip.height,
            .block_hash = tip.hash,
            .waiting = mempool->count(),
            .round = ordering->round()};
}

void Node::Impl::ask_endorser(const std::string& wanted, Bytes request, std::chrono::milliseconds timeout,
                              std::function<void(Result<Bytes>)> on_reply) {
    std::vector<const sync::Peers::Peer*> candidates;
    for (const auto& peer : peers->all())
        if (peer.organisation == wanted) candidates.push_back(&peer);
    if (candidates.empty())
        return scope.post([wanted, on_reply] { on_reply(fail("unavailable", wanted + " runs no node")); });
    const auto connected = std::ranges::partition(candidates, [](const auto* peer) { return peer->link->connected(); });
    const auto usable = candidates.size() - connected.size();
    const auto& chosen = *candidates[endorser_turn++ % std::max<std::size_t>(usable, 1)];
    peers->call(chosen, proto::PeerMethod::kEndorse, std::move(request), timeout, std::move(on_reply));
}

void Node::Impl::commit(proto::DecidedBlock decided) {
    const bool posted = writer->post([this, block = std::move(decided)] {
        const auto began = base::steady_now();
        auto applied = chain->commit(block);
        if (applied)
            if (auto cut = votes->cut(applied->tip.height); !cut) applied = fail(std::move(cut).error());
        metrics.observe("ledger_commit_seconds", std::chrono::duration<double>(base::steady_now() - began).count());
        scope.post([this, result = std::move(applied)] { result ? committed(*result) : failed(result.error()); });
    });
    if (!posted) failed({"internal", "the writing thread's queue is full"});
}

void Node::Impl::committed(const AppliedBlock& applied) {
    if (failure) return;
    mempool->remove(applied.transactions);
    if (applied.channel) enter_epoch(applied.channel);
    ordering->applied(applied.tip, applied.channel);
    if (applied.channel) take_kept_messages();
    block_fetcher->advanced(applied.tip.height);
    std::map<proto::ValidationCode, std::size_t> by_code;
    for (const auto& outcome : applied.outcomes) ++by_code[outcome.code()];
    for (const auto& [code, count] : by_code)
        metrics.count("ledger_transactions_total", static_cast<double>(count),
                      {{"code", proto::ValidationCode_Name(code)}});
    metrics.gauge("ledger_height", static_cast<double>(applied.tip.height));
    metrics.gauge("ledger_waiting", static_cast<double>(mempool->count()));
    gateway_service->advanced(applied.outcomes);
    if (applied.private_writes) private_fetcher->fetch();
    snapshotter->applied(applied);
    install_when_quiet();
}

/// The next block's config. What was endorsed under the one before can be committed no more: who waits hears "retry".
void Node::Impl::enter_epoch(std::shared_ptr<const contract::Channel> next) {
    channel = std::move(next);
    const auto& limits = channel->config().limits();
    const auto stale = mempool->clear();
    mempool->set_block_limits(limits.max_block_transactions(), limits.max_block_bytes());
    directory->epoch_changed();
    if (auto shown = show_certificate(); !shown) base::log_error("this node's certificate: {}", shown.error().message);
    block_fetcher->peers_changed();
    gateway_service->dropped(
        stale,
        {"stale_config", fmt::format("endorsed before config epoch {} came into force; retry", channel->epoch())});
    metrics.gauge("ledger_config_epoch", static_cast<double>(channel->epoch()));
    base::log_info("config epoch {} is in force: {} organisations, {} nodes; this node {}", channel->epoch(),
                   channel->config().organisations_size(), channel->nodes().size(),
                   keys.listed(*channel, config.name) != nullptr ? "votes" : "does not vote");
}

void Node::Impl::take_fetched(proto::DecidedBlock decided) {
    struct Checked {
        proto::CommitCertificate certificate;
        Status status;
    };
    const bool posted =
        pool->post([this, channel = channel, block = std::move(decided), tip = ordering->tip()]() mutable {
            const auto check = [&]() -> Result<proto::CommitCertificate> {
                FS_ASSIGN(const auto content, proto::decode<proto::Block>(block.block()));
                FS_ASSIGN(auto certificate, proto::decode<proto::CommitCertificate>(block.certificate()));
                FS_TRY(validate::check_certificate(*channel, certificate, tip.height + 1, blocks::block_hash(content)));
                // A quorum decided it: if only the outcomes differ, it is this node that went astray, and commit() says
                // so.
                auto parent = parent_of(tip);
                if (const auto header = proto::decode<proto::BlockHeader>(content.header()))
                    if (auto root = identity::crypto::to_hash(as_bytes(header->previous_outcomes_root())))
                        parent.outcomes_root = *root;
                FS_TRY(validate::check_block(*channel, parent, content));
                return certificate;
            };
            scope.post([this, tip, checked = check(), fetched = std::move(block)]() mutable {
                if (failure) return;
                if (!checked) {
                    return tip.height == ordering->tip().height
                               ? block_fetcher->refused(checked.error())
                               : block_fetcher->refused({"not_needed", "this node has gone on meanwhile"});
                }
                if (!ordering->caught_up(fetched, std::move(*checked)))
                    block_fetcher->refused({"not_needed", "this node decides that block itself"});
            });
        });
    if (!posted) block_fetcher->refused({"busy", "this node has too much to verify"});
}

void Node::Impl::failed(const Error& error) {
    if (failure) return;
    failure = error;
    base::log_error("this node stops: {}: {}", error.code, error.message);
    ordering->close();
    block_fetcher->close();
    if (config.on_failure) config.on_failure(error);
}

void Node::Impl::expire_waiting() {
    scope.after(kExpireEvery, [this] {
        mempool->expire(base::steady_now());
        const auto overdue = mempool->waiting_since(base::steady_now() - kHandOnAfter, kHandOnCount);
        if (!overdue.empty()) peers->notify_all(proto::PeerMethod::kTransaction, frame_of(overdue));
        ordering->waiting_changed();
        expire_waiting();
    });
}

}  // namespace fairstream::ledger::node
