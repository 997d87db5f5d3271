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

/// Decodes the request in the pool, answers with the bytes that `serve` makes of it.
template <typename Request, typename Serve>
void serve_bytes_in_pool(base::Pool& pool, Bytes payload, std::shared_ptr<Responder> responder, Serve serve) {
    const bool posted = pool.post([bytes = std::move(payload), responder, serve] {
        const auto request = proto::decode<Request>(bytes);
        if (!request) return responder->fail(request.error());
        Result<Bytes> reply = serve(*request);
        reply ? responder->reply(std::move(*reply)) : responder->fail(reply.error());
    });
    if (!posted) responder->fail({"busy", "this node has too much to do"});
}

/// The same with a message.
template <typename Request, typename Serve>
void serve_in_pool(base::Pool& pool, Bytes payload, std::shared_ptr<Responder> responder, Serve serve) {
    serve_bytes_in_pool<Request>(pool, std::move(payload), std::move(responder),
                                 [serve](const auto& request) -> Result<Bytes> {
                                     FS_ASSIGN(const auto reply, serve(request));
                                     return proto::encode(reply);
                                 });
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
        case PeerMethod::kTransactions:
            return serve_bytes_in_pool<proto::TransactionsRequest>(
                *pool, std::move(call.payload), std::move(responder),
                [proposed = proposed_last](const auto& request) { return serve_transactions(proposed, request); });
        case PeerMethod::kOrder:
        case PeerMethod::kTransaction:
        case PeerMethod::kProposal:
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
        case PeerMethod::kProposal:
            return on_order_notice({static_cast<PeerMethod>(call.method), caller->name, std::move(call.payload)});
        case PeerMethod::kTransaction:
            return take_from_peer(caller->name, call.payload);
        default:
            base::log_warn("{} sent a notice of unknown method {}", caller->name, call.method);
    }
}

void Node::Impl::on_order_notice(PeerNotice notice) {
    notice.method == PeerMethod::kProposal ? on_proposal(std::move(notice)) : on_order_message(std::move(notice));
}

/// Votes that are dropped where there is none are as good as lost on the way: the protocol bears it.
bool Node::Impl::room_for_order_message() const {
    return order_messages_in_pool < kMaxOrderMessagesInPool;
}

void Node::Impl::on_order_message(PeerNotice notice) {
    if (!room_for_order_message()) return;
    const bool posted = pool->post([this, used = channel, taken = std::move(notice)]() mutable {
        auto message = proto::decode<proto::SignedOrderMessage>(taken.payload);
        const bool early = message && is_of_epoch(*message, used->epoch() + 1);
        auto received = message ? order::verify_message(*used, std::move(*message)) : fail(message.error());
        take_order_message(used, early ? std::move(taken) : PeerNotice{}, std::move(received));
    });
    if (posted) ++order_messages_in_pool;
}

/// `early`: the notice as it came, if it is of the config epoch after `used`; else empty.
void Node::Impl::take_order_message(const std::shared_ptr<const contract::Channel>& used, PeerNotice early,
                                    Result<order::Received> checked) {
    scope.post([this, used, kept = std::move(early), received = std::move(checked)]() mutable {
        --order_messages_in_pool;
        if (!kept.payload.empty() && used != channel) return on_order_notice(std::move(kept));  // it has come meanwhile
        if (!kept.payload.empty()) return keep_for_next_epoch(std::move(kept));
        if (received) return ordering->receive(std::move(*received));
        metrics.count("ledger_order_refused_total", 1, {{"code", received.error().code}});
        base::log_debug("an order message was refused: {}", received.error().message);
    });
}

/// Its sender has applied a change of the config that this node has not: it cannot be judged yet.
void Node::Impl::keep_for_next_epoch(PeerNotice notice) {
    block_fetcher->fetch();
    const auto bytes = notice.payload.size();
    if (next_epochs_messages.size() >= kMaxKeptMessages || next_epochs_bytes + bytes > kMaxKeptBytes) return;
    next_epochs_bytes += bytes;
    next_epochs_messages.push_back(std::move(notice));
}

void Node::Impl::take_kept_messages() {
    next_epochs_bytes = 0;
    for (auto& notice : std::exchange(next_epochs_messages, {})) on_order_notice(std::move(notice));
}

}  // namespace fairstream::ledger::node
