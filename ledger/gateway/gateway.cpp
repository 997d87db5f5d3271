#include "ledger/gateway/gateway.hpp"

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/log.hpp"
#include "base/log_field.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/receipt/receipt.hpp"

namespace fairstream::ledger::gateway {

using base::net::RpcCall;
using proto::GatewayMethod;

namespace {

constexpr std::size_t kMaxRequestBytes = 4u << 20;
constexpr std::size_t kMaxEndorsing = 1024;

const char* name_of(GatewayMethod method) {
    switch (method) {
        case GatewayMethod::kEvaluate:
            return "evaluate";
        case GatewayMethod::kEndorse:
            return "endorse";
        case GatewayMethod::kSubmit:
            return "submit";
        case GatewayMethod::kCommitStatus:
            return "commit_status";
        case GatewayMethod::kEvents:
            return "events";
        case GatewayMethod::kGetBlock:
            return "get_block";
        case GatewayMethod::kGetTransaction:
            return "get_transaction";
        case GatewayMethod::kInfo:
            return "info";
        case GatewayMethod::kReceipt:
            return "receipt";
        case GatewayMethod::kTransact:
            return "transact";
    }
    return "unknown";
}

/// One step of a transaction's way, as a span of its trace and a line in the log.
struct Step {
    Step(base::SpanQueue* spans, std::string step, const std::string& traceparent, const Hash& id)
        : name(step), span(spans, std::move(step), traceparent) {
        if (const auto caller = base::TraceContext::parse(traceparent)) trace = caller->trace_id();
        if (id != Hash{}) is_of(id);
    }
    void is_of(const Hash& id) {
        transaction = base::to_hex(id);
        span.attribute("transaction", transaction);
    }
    void end(const Status& outcome) {
        span.end(outcome ? std::string() : outcome.error().code);
        if (!base::log_enabled(base::LogLevel::kDebug)) return;
        const base::LogField of_transaction("transaction", transaction);
        const base::LogField of_trace("trace", trace);
        base::log_debug("{}: {}", name, outcome ? "done" : outcome.error().code + ": " + outcome.error().message);
    }

    const std::string name;
    base::SpanTimer span;
    std::string transaction, trace;
};

template <typename Request, typename Handle>
void decoded(const RpcCall& call, base::net::Responder& responder, Handle handle) {
    auto request = proto::decode<Request>(call.payload);
    if (!request) return responder.fail(request.error());
    handle(std::move(*request));
}

}  // namespace

Gateway::Gateway(Parts parts)
    : parts_(std::move(parts)), scope_(parts_.loop), watch_(parts_, scope_), events_(parts_, scope_) {}

void Gateway::advanced(std::span<const proto::Outcome> outcomes) {
    watch_.advanced(outcomes);
    events_.advanced();
}

void Gateway::dropped(std::span<const Hash> ids, const Error& why) {
    watch_.dropped(ids, why);
}

void Gateway::on_call(RpcCall call, ResponderPtr responder) {
    const auto method = static_cast<GatewayMethod>(call.method);
    parts_.metrics.count("ledger_gateway_calls_total", 1, {{"method", name_of(method)}});
    if (call.payload.size() > kMaxRequestBytes)
        return responder->fail({"too_large", fmt::format("a request has at most {} bytes", kMaxRequestBytes)});
    auto& to = *responder;
    switch (method) {
        case GatewayMethod::kEvaluate:
            return decoded<proto::EvaluateRequest>(call, to, [&](auto r) { evaluate(std::move(r), responder); });
        case GatewayMethod::kEndorse:
            return decoded<proto::ProposalRequest>(call, to, [&](auto r) { endorse(std::move(r), responder); });
        case GatewayMethod::kSubmit:
            return decoded<proto::SubmitRequest>(call, to, [&](auto r) { submit(std::move(r), responder); });
        case GatewayMethod::kCommitStatus:
            return decoded<proto::CommitStatusRequest>(call, to, [&](auto r) { watch_.status(r, responder); });
        case GatewayMethod::kEvents:
            return decoded<proto::EventsRequest>(call, to, [&](auto r) { events_.add(std::move(r), responder); });
        case GatewayMethod::kGetBlock:
            return decoded<proto::GetBlockRequest>(call, to, [&](auto r) { get_block(r, responder); });
        case GatewayMethod::kGetTransaction:
            return decoded<proto::GetTransactionRequest>(call, to, [&](auto r) { get_transaction(r, responder); });
        case GatewayMethod::kInfo:
            return info(responder);
        case GatewayMethod::kReceipt:
            return decoded<proto::ReceiptRequest>(call, to, [&](auto r) { receipt(r, responder); });
        case GatewayMethod::kTransact:
            return decoded<proto::TransactRequest>(call, to, [&](auto r) { transact(std::move(r), responder); });
    }
    responder->fail({"unknown_method", fmt::format("the gateway has no method {}", call.method)});
}

template <typename MakeReply>
void Gateway::answer_in_pool(ResponderPtr responder, MakeReply make_reply) {
    const bool posted = parts_.pool.post([responder, make = std::move(make_reply)] {
        const auto reply = make();
        reply ? responder->reply(proto::encode(*reply)) : responder->fail(reply.error());
    });
    if (!posted) responder->fail({"busy", "this node has too much to do; try again later"});
}

void Gateway::evaluate(proto::EvaluateRequest request, ResponderPtr responder) {
    if (auto ready = parts_.surroundings.ready(); !ready) return responder->fail(ready.error());
    const bool posted = parts_.pool.post([this, asked = std::move(request), responder] {
        const auto reply = parts_.endorser.evaluate(asked.request(), base::wall_now());
        if (!reply) return responder->fail(reply.error());
        if (!asked.sealed()) return responder->reply(proto::encode(*reply));
        // The answer is known; it counts once a quorum agrees on the state it was read from.
        scope_.post([this, responder, height = reply->height(), bytes = proto::encode(*reply)] {
            watch_.when_sealed(height, [responder, bytes](const Status& sealed) {
                sealed ? responder->reply(bytes) : responder->fail(sealed.error());
            });
        });
    });
    if (!posted) responder->fail({"busy", "this node has too much to simulate; try again later"});
}

void Gateway::endorse(proto::ProposalRequest request, ResponderPtr responder) {
    gather(std::move(request), responder, [responder](const Endorsing::Assembled& assembled) {
        proto::EndorseReply reply;
        reply.set_transaction(proto::as_field(assembled.transaction));
        responder->reply(proto::encode(reply));
    });
}

void Gateway::submit(proto::SubmitRequest request, ResponderPtr responder) {
    order(to_bytes(std::string_view(request.transaction())), request.traceparent(), responder,
          [responder](const Hash& id) {
              proto::SubmitReply reply;
              reply.set_transaction_id(proto::as_field(id));
              responder->reply(proto::encode(reply));
          });
}

void Gateway::transact(proto::TransactRequest request, ResponderPtr responder) {
    const std::chrono::milliseconds wait(request.wait_ms());
    const auto traceparent = request.request().traceparent();
    const auto answer = [responder](Result<proto::CommitStatusReply> status, const std::string& result) {
        // It is admitted: that nobody can wait for it here is no refusal of the transaction.
        const bool cannot_wait = !status && (status.error().code == "busy" || status.error().code == "unavailable");
        if (!status && !cannot_wait) return responder->fail(status.error());
        proto::TransactReply reply;
        if (status) *reply.mutable_status() = std::move(*status);
        reply.set_result(result);
        responder->reply(proto::encode(reply));
    };
    gather(std::move(*request.mutable_request()), responder, [=, this](Endorsing::Assembled assembled) {
        const auto then = [this, wait, answer, result = std::move(assembled.result)](const Hash& id) {
            watch_.when_committed(id, wait, [answer, result](auto status) { answer(std::move(status), result); });
        };
        order(std::move(assembled.transaction), traceparent, responder, then);
    });
}

void Gateway::gather(proto::ProposalRequest request, const ResponderPtr& responder,
                     std::function<void(Endorsing::Assembled)> then) {
    if (auto ready = parts_.surroundings.ready(); !ready) return responder->fail(ready.error());
    // Cheap refusals first: peers are not troubled with what cannot be a proposal.
    const auto proposal = contract::parse_proposal(as_bytes(request.signed_proposal().proposal()));
    if (!proposal) return responder->fail(proposal.error());
    if (request.private_inputs().size() > contract::kMaxPrivateBytes)
        return responder->fail({"malformed", "private inputs have at most 524288 bytes"});
    if (endorsing_ >= kMaxEndorsing) return responder->fail({"busy", "too many proposals are being endorsed"});
    ++endorsing_;
    auto step = std::make_shared<Step>(parts_.spans, "gateway.endorse", request.traceparent(),
                                       proto::transaction_id(request.signed_proposal()));
    step->span.attribute("function", proposal->contract() + "." + proposal->function());
    request.set_traceparent(step->span.traceparent());
    const auto endorsing = std::make_shared<Endorsing>(
        parts_, scope_, [this](const auto& name) -> auto& { return endorse_queue(name); }, std::move(request),
        [this, responder, step, go_on = std::move(then)](Result<Endorsing::Assembled> assembled) {
            --endorsing_;
            step->end(assembled ? Status{} : fail(assembled.error()));
            assembled ? go_on(std::move(*assembled)) : responder->fail(assembled.error());
        });
    endorsing->start();
}

void Gateway::propose(proto::ProposalRequest request, std::function<void(Result<Bytes>)> done) {
    std::make_shared<Endorsing>(
        parts_, scope_, [this](const auto& name) -> auto& { return endorse_queue(name); }, std::move(request),
        [tell = std::move(done)](Result<Endorsing::Assembled> assembled) {
            tell(assembled ? Result<Bytes>(std::move(assembled->transaction)) : fail(assembled.error()));
        })
        ->start();
}

EndorseQueue& Gateway::endorse_queue(const std::string& organisation) {
    return endorse_queues_.try_emplace(organisation, parts_, scope_, organisation).first->second;
}

void Gateway::order(Bytes transaction, const std::string& traceparent, const ResponderPtr& responder,
                    std::function<void(const Hash& id)> then) {
    if (auto ready = parts_.surroundings.ready(); !ready) return responder->fail(ready.error());
    auto step = std::make_shared<Step>(parts_.spans, "gateway.submit", traceparent, Hash{});
    parts_.surroundings.submit(std::move(transaction), [responder, step, go_on = std::move(then)](Result<Hash> id) {
        if (id) step->is_of(*id);
        step->end(id ? Status{} : fail(id.error()));
        id ? go_on(*id) : responder->fail(id.error());
    });
}

void Gateway::get_block(const proto::GetBlockRequest& request, ResponderPtr responder) {
    answer_in_pool(std::move(responder), [this, height = request.height()] { return parts_.blocks.read(height); });
}

void Gateway::get_transaction(const proto::GetTransactionRequest& request, ResponderPtr responder) {
    const auto id = identity::crypto::to_hash(as_bytes(request.transaction_id()));
    if (!id) return responder->fail({"malformed", "a transaction id has 32 bytes"});
    answer_in_pool(std::move(responder), [this, wanted = *id] { return find_transaction(wanted); });
}

void Gateway::receipt(const proto::ReceiptRequest& request, ResponderPtr responder) {
    const auto id = identity::crypto::to_hash(as_bytes(request.transaction_id()));
    if (!id) return responder->fail({"malformed", "a transaction id has 32 bytes"});
    const bool posted = parts_.pool.post([this, wanted = *id, responder] {
        const auto snapshot = parts_.state.snapshot();
        const auto made = receipt::make_receipt(parts_.blocks, *snapshot, wanted);
        if (made) return responder->reply(proto::encode(*made));
        if (made.error().code != "not_sealed") return responder->fail(made.error());
        // A moment after the commit the next block is still on its way: the answer waits for it.
        scope_.post([this, wanted, responder, height = snapshot->height()] {
            watch_.when_sealed(height, [this, wanted, responder](const Status& sealed) {
                if (!sealed) return responder->fail(sealed.error());
                answer_in_pool(responder, [this, wanted] {
                    return receipt::make_receipt(parts_.blocks, *parts_.state.snapshot(), wanted);
                });
            });
        });
    });
    if (!posted) responder->fail({"busy", "this node has too much to do; try again later"});
}

Result<proto::GetTransactionReply> Gateway::find_transaction(const Hash& id) const {
    FS_ASSIGN(const auto record, parts_.state.snapshot()->transaction(id));
    if (!record) return fail("not_found", "transaction " + proto::short_id(id) + " is not committed here");
    FS_ASSIGN(const auto decided, parts_.blocks.read(record->at.block));
    FS_ASSIGN(auto block, proto::decode<proto::Block>(decided.block()));
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(block.header()));
    if (record->at.index >= static_cast<std::uint32_t>(block.transactions_size()))
        return fail("damaged", fmt::format("block {} has no transaction {}", record->at.block, record->at.index));
    proto::GetTransactionReply reply;
    reply.set_transaction(std::move(*block.mutable_transactions(static_cast<int>(record->at.index))));
    reply.set_block(record->at.block);
    reply.set_index(record->at.index);
    *reply.mutable_outcome() = record->outcome;
    reply.set_time_us(header.time_us());
    return reply;
}

void Gateway::info(ResponderPtr responder) const {
    const auto progress = parts_.surroundings.progress();
    proto::InfoReply reply;
    const auto channel = parts_.channels.newest();
    reply.set_channel(channel->name());
    reply.set_node(parts_.node);
    reply.set_height(progress.height);
    reply.set_sealed_height(progress.sealed_height);
    reply.set_block_hash(proto::as_field(progress.block_hash));
    reply.set_config(proto::as_field(channel->config_bytes()));
    reply.set_mempool(progress.waiting);
    reply.set_round(progress.round);
    responder->reply(proto::encode(reply));
}

}  // namespace fairstream::ledger::gateway
