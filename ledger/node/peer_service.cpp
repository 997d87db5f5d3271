#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ledger/contract/endorsements.hpp"
#include "ledger/node/node_impl.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::node {

using base::net::Responder;
using base::net::RpcCall;
using proto::PeerMethod;

namespace {

constexpr std::size_t kMaxOrderMessagesInPool = 4'096;
constexpr std::size_t kMaxKeptMessages = 1'024;
constexpr std::size_t kMaxKeptBytes = 32u << 20;

bool is_of_epoch(const proto::SignedOrderMessage& message, std::uint64_t epoch) {
    const auto body = proto::decode<proto::OrderMessage>(message.body());
    return body && body->config_epoch() == epoch;
}

/// What every client can read at a gateway, too.
bool reads_chain(PeerMethod method) {
    return method == PeerMethod::kBlocks || method == PeerMethod::kSnapshot || method == PeerMethod::kChunk;
}

/// Decodes the request in the pool, answers with what `serve` makes of it.
template <typename Request, typename Serve>
void serve_in_pool(base::Pool& pool, Bytes payload, std::shared_ptr<Responder> responder, Serve serve) {
    const bool posted = pool.post([bytes = std::move(payload), responder, serve] {
        const auto request = proto::decode<Request>(bytes);
        if (!request) return responder->fail(request.error());
        const auto reply = serve(*request);
        reply ? responder->reply(proto::encode(*reply)) : responder->fail(reply.error());
    });
    if (!posted) responder->fail({"busy", "this node has too much to do"});
}

}  // namespace

void Node::Impl::on_peer_call(RpcCall call, std::shared_ptr<Responder> responder) {
    const auto caller = directory->caller(call.peer_certificate_der);
    if (!caller) return responder->fail(caller.error());
    if (caller->reads_only && !reads_chain(static_cast<PeerMethod>(call.method)))
        return responder->fail({"unknown_peer", fmt::format("config epoch {} lists another key for {} than the one it "
                                                            "shows: with that it may fetch blocks and snapshots only",
                                                            channel->epoch(), caller->name)});
    if (failure) return responder->fail({"unavailable", "this node has stopped"});
    switch (static_cast<PeerMethod>(call.method)) {
        case PeerMethod::kEndorse:
            return serve_in_pool<proto::EndorseRequest>(
                *pool, std::move(call.payload), std::move(responder),
                [this](const auto& request) { return endorse_for_peer(request); });
        case PeerMethod::kBlocks:
            return serve_in_pool<proto::BlocksRequest>(
                *pool, std::move(call.payload), std::move(responder),
                [this](const auto& request) { return sync::serve_blocks(chain->blocks(), request); });
        case PeerMethod::kPrivate:
            return serve_in_pool<proto::PrivateRequest>(
                *pool, std::move(call.payload), std::move(responder),
                [this](const auto& request) { return sync::serve_private(chain->private_store(), request); });
        case PeerMethod::kSnapshot:
            return serve_in_pool<proto::SnapshotRequest>(
                *pool, std::move(call.payload), std::move(responder),
                [this](const auto& request) { return offer_snapshot(request); });
        case PeerMethod::kChunk:
            return serve_in_pool<proto::ChunkRequest>(
                *pool, std::move(call.payload), std::move(responder),
                [this](const auto& request) { return sync::serve_chunk(chain->snapshots(), request); });
        case PeerMethod::kOrder:
        case PeerMethod::kTransaction:
            break;
    }
    responder->fail({"unknown_method", fmt::format("nodes answer no method {}", call.method)});
}

Result<proto::EndorsedBatch> Node::Impl::endorse_for_peer(const proto::EndorseRequest& request) {
    if (request.requests().empty() ||
        static_cast<std::size_t>(request.requests_size()) > contract::kMaxEndorsedTogether)
        return fail("malformed", fmt::format("1 to {} proposals are endorsed together, not {}",
                                             contract::kMaxEndorsedTogether, request.requests_size()));
    std::vector<base::SpanTimer> spans;
    for (const auto& one : request.requests()) spans.emplace_back(config.spans, "node.endorse", one.traceparent());
    auto batch = endorser->endorse(request.requests(), base::wall_now());
    for (std::size_t i = 0; i < spans.size(); ++i) spans[i].end(batch.outcomes(static_cast<int>(i)).code());
    return batch;
}

void Node::Impl::on_peer_notice(RpcCall call) {
    const auto caller = directory->caller(call.peer_certificate_der);
    if (!caller || caller->reads_only || failure) return;
    switch (static_cast<PeerMethod>(call.method)) {
        case PeerMethod::kOrder:
            return on_order_message(std::move(call.payload));
        case PeerMethod::kTransaction:
            return take_from_peer(caller->name, call.payload);
        default:
            base::log_warn("{} sent a notice of unknown method {}", caller->name, call.method);
    }
}

void Node::Impl::on_order_message(Bytes payload) {
    // Votes that are dropped here are as good as lost on the way: the protocol bears it.
    if (order_messages_in_pool >= kMaxOrderMessagesInPool) return;
    const bool posted = pool->post([this, used = channel, bytes = std::move(payload)]() mutable {
        auto message = proto::decode<proto::SignedOrderMessage>(bytes);
        const bool early = message && is_of_epoch(*message, used->epoch() + 1);
        auto received = message ? order::verify_message(*used, std::move(*message)) : fail(message.error());
        scope.post([this, used, checked = std::move(received), kept = early ? std::move(bytes) : Bytes{}]() mutable {
            --order_messages_in_pool;
            if (!kept.empty() && used != channel) return on_order_message(std::move(kept));  // it has come meanwhile
            if (!kept.empty()) return keep_for_next_epoch(std::move(kept));
            if (checked) return ordering->receive(std::move(*checked));
            metrics.count("ledger_order_refused_total", 1, {{"code", checked.error().code}});
            base::log_debug("an order message was refused: {}", checked.error().message);
        });
    });
    if (posted) ++order_messages_in_pool;
}

/// Its sender has applied a change of the config that this node has not: it cannot be judged yet.
void Node::Impl::keep_for_next_epoch(Bytes payload) {
    block_fetcher->fetch();
    if (next_epochs_messages.size() >= kMaxKeptMessages || next_epochs_bytes + payload.size() > kMaxKeptBytes) return;
    next_epochs_bytes += payload.size();
    next_epochs_messages.push_back(std::move(payload));
}

void Node::Impl::take_kept_messages() {
    next_epochs_bytes = 0;
    for (auto& payload : std::exchange(next_epochs_messages, {})) on_order_message(std::move(payload));
}

}  // namespace fairstream::ledger::node
