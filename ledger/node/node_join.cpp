// Snapshots and joining: how a node that is far behind gets to where the others are.
#include <ranges>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ledger/node/node_impl.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::node {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kNonceBytes = 16;
constexpr auto kLookAgain = 60s;       // for a snapshot, after nobody has offered one
constexpr auto kPauseWithout = 500ms;  // then, before blocks are asked for

}  // namespace

/// The newest agreed snapshot above what the peer has, or the one it asks for by name. In the pool.
Result<proto::SnapshotOffer> Node::Impl::offer_snapshot(const proto::SnapshotRequest& request) {
    const auto state = chain->state().snapshot();
    for (const auto& kept : chain->snapshots().all() | std::views::reverse) {
        if (kept.height <= request.above() || kept.height == 0) continue;
        if (!request.hash().empty() && request.hash() != as_text(kept.name)) continue;
        auto offer = snapshot::make_offer(kept, *channels->newest(), chain->blocks(), *state);
        // One that is not agreed on yet, or whose statements are not sealed, is not for others.
        if (offer || (offer.error().code != "not_found" && offer.error().code != "not_sealed")) return offer;
    }
    return proto::SnapshotOffer{};
}

void Node::Impl::prepare_snapshots() {
    snapshotter = std::make_unique<Snapshotter>(
        Snapshotter::Parts{loop, *pool, *writer, *chain, *channels, organisation, metrics, config.retain_snapshots,
                           config.retain_blocks},
        Snapshotter::Hooks{.state = [this](const proto::SnapshotStatement& s) { state_snapshot(s); },
                           .failed = [this](const Error& error) { failed(error); }});
    snapshot_fetcher = std::make_unique<sync::SnapshotFetcher>(
        sync::SnapshotFetcher::Parts{loop, *pool, *channels, *peers, chain->snapshots(), metrics},
        [this](std::optional<snapshot::Kept> snapshot) { snapshot_here(std::move(snapshot)); });
}

/// Says on the ledger what this node's snapshot hashes to. A failure is no matter: it is stated again.
void Node::Impl::state_snapshot(const proto::SnapshotStatement& statement) {
    const auto* const key = keys.listed(*channel, config.name);
    const auto certificate = identity::msp::MemberCertificate::from_pem(own_tls().certificate_chain);
    if (key == nullptr || !certificate || !ready()) return;
    proto::Proposal proposal;
    proposal.set_channel(channel->name());
    proposal.set_contract(std::string(snapshot::kContract));
    proposal.set_function(std::string(snapshot::kStateFunction));
    proposal.set_arguments(statement.SerializeAsString());
    proposal.mutable_creator()->set_certificate(proto::as_field(certificate->der));
    proposal.set_intent(proto::INTENT_SUBMIT);
    proposal.set_nonce(proto::as_field(identity::crypto::random_bytes(kNonceBytes)));
    proposal.set_created_at_us(base::to_us(base::wall_now()));
    proto::ProposalRequest request;
    auto& signed_proposal = *request.mutable_signed_proposal();
    proposal.SerializeToString(signed_proposal.mutable_proposal());
    signed_proposal.set_signature(proto::as_field(key->sign(
        identity::crypto::signing_input("proposal/v1", channel->name(), as_bytes(signed_proposal.proposal())))));
    const auto told = [height = statement.height()](const Error& error) {
        base::log_info("the snapshot of height {} is not stated yet: {}: {}", height, error.code, error.message);
    };
    gateway_service->propose(std::move(request), [this, told](Result<Bytes> transaction) {
        if (!transaction) return told(transaction.error());
        submit(std::move(*transaction), [told](const Result<Hash>& id) {
            if (!id) told(id.error());
        });
    });
}

/// The others are ahead. From some distance on a snapshot is less work than all those blocks, and where a peer has
/// pruned them there is no other way.
void Node::Impl::behind(std::uint64_t known_height, bool pruned) {
    const auto height = ordering->tip().height;
    if (failure || to_install || snapshot_fetcher->running()) return;
    if (!pruned && (known_height <= height + config.join_above || base::steady_now() < no_snapshot_until)) return;
    base::log_info("at height {} of {}{}: looking for a snapshot to go on from", height, known_height,
                   pruned ? ", and the blocks between are pruned" : "");
    block_fetcher->pause();
    snapshot_fetcher->start(height);
}

void Node::Impl::snapshot_here(std::optional<snapshot::Kept> snapshot) {
    if (failure) return;
    if (!snapshot || snapshot->height <= ordering->tip().height) {
        // Blocks must do. Where they do not, the peers are asked again, in no hurry.
        no_snapshot_until = base::steady_now() + kLookAgain;
        scope.after(kPauseWithout, [this] { block_fetcher->resume(); });
        return;
    }
    to_install = std::move(snapshot);
    install_when_quiet();
}

/// Once the block that is being committed, if one is, has been applied.
void Node::Impl::install_when_quiet() {
    if (!to_install || failure || ordering->deciding()) return;
    ordering->pause();
    const bool posted = writer->post([this, snapshot = *to_install] {
        const auto began = base::steady_now();
        auto status = chain->install(snapshot);
        if (status) status = votes->cut(snapshot.height);
        base::log_info("installing the snapshot of height {} took {:.1f} s", snapshot.height,
                       std::chrono::duration<double>(base::steady_now() - began).count());
        scope.post([this, status, tip = chain->tip(), last = votes->last()] { installed(status, tip, last); });
    });
    if (!posted) failed({"internal", "the writing thread's queue is full"});
}

void Node::Impl::installed(const Status& status, const order::Tip& tip, const order::Position& last) {
    to_install.reset();
    if (!status) return failed(status.error());
    metrics.count("ledger_snapshots_installed_total");
    metrics.gauge("ledger_height", static_cast<double>(tip.height));
    const auto in_force = channels->at(tip.height + 1);
    if (in_force->epoch() != channel->epoch()) enter_epoch(in_force);
    ordering->resume(tip, channel, last);
    gateway_service->advanced({});
    snapshotter->start();
    private_fetcher->fetch();
    block_fetcher->advanced(tip.height);
    block_fetcher->resume();
}

}  // namespace fairstream::ledger::node
