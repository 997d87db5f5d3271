#include "ledger/client/client.hpp"

#include <fmt/format.h>

#include <map>
#include <random>
#include <thread>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/trace.hpp"
#include "ledger/client/gateways.hpp"
#include "ledger/client/proposal.hpp"
#include "ledger/client/subscription.hpp"
#include "ledger/proto/receipt.pb.h"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::client {

using namespace std::chrono_literals;
using proto::GatewayMethod;

namespace {

constexpr int kMaxAttempts = 10;
/// One CommitStatus call; when it ends without a commit the transaction is submitted again, in case it was lost.
constexpr auto kStatusWait = 5'000ms;
/// The same within the call that submits it: a gateway that falls silent is left the sooner.
constexpr auto kFirstWait = 2'000ms;
/// What a call may take beyond the wait it asks for, before the next gateway is tried. Endorsing takes up to 5 s.
constexpr auto kPatience = 6'000ms;

bool retried_as_new(const std::string& code) {
    return code == "read_conflict" || code == "range_conflict";
}

/// The channel config has changed under way. What was endorsed before can never be committed; the same proposal can be
/// endorsed anew, and its id makes sure that it counts once.
constexpr std::string_view kStaleConfig = "stale_config";

/// Competitors for one key should not meet again at once.
void pause_before_attempt(int attempt) {
    thread_local std::minstd_rand random{std::random_device{}()};
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % (5u << std::min(attempt, 5))));
}

}  // namespace

struct Client::Impl {
    Impl(base::net::Loop& used_loop, Options used_options)
        : loop(used_loop), options(std::move(used_options)), gateways(std::make_shared<Gateways>(loop, options)) {}

    base::net::Loop& loop;
    const Options options;
    std::shared_ptr<Gateways> gateways;
    std::mutex mutex;
    std::uint64_t next_subscription = 1;
    std::map<std::uint64_t, std::shared_ptr<Subscription>> subscriptions;

    template <typename Reply, typename Request>
    Result<Reply> ask(GatewayMethod method, const Request& request) {
        return ask<Reply>(method, request, options.call_timeout, kPatience);
    }
    template <typename Reply, typename Request>
    Result<Reply> ask(GatewayMethod method, const Request& request, std::chrono::milliseconds timeout,
                      std::chrono::milliseconds patience) {
        FS_ASSIGN(const Bytes bytes, gateways->call(method, proto::encode(request), timeout, patience).result);
        return proto::decode<Reply>(bytes);
    }

    /// One call of kTransact. Says in `maybe_received` whether a gateway may have admitted it now, or had it before.
    Result<proto::TransactReply> transact(const proto::ProposalRequest& request, std::chrono::milliseconds wait,
                                          bool& maybe_received);
    Result<proto::TransactReply> commit(const proto::ProposalRequest& request, bool& maybe_received);
    Result<Bytes> response_to(const proto::ProposalRequest& request, const proto::TransactReply& reply);
    Result<Commit> attempt(const proto::ProposalRequest& request);
    Result<Commit> attempt_once(const proto::ProposalRequest& request);
};

Result<proto::TransactReply> Client::Impl::transact(const proto::ProposalRequest& request,
                                                    std::chrono::milliseconds wait, bool& maybe_received) {
    proto::TransactRequest message;
    *message.mutable_request() = request;
    message.set_wait_ms(static_cast<std::uint32_t>(wait.count()));
    auto answer =
        gateways->call(GatewayMethod::kTransact, proto::encode(message), wait + options.call_timeout, wait + kPatience);
    // A refusal says that this call admitted nothing; it takes nothing back of an earlier one.
    const bool refused = !answer.result && !Gateways::is_transient(answer.result.error());
    maybe_received = maybe_received || (refused ? answer.maybe_received_before : answer.maybe_received);
    if (!answer.result) return fail(std::move(answer.result).error());
    return proto::decode<proto::TransactReply>(*answer.result);
}

/// Until the transaction's commit is known. What may be on its way already is asked for before it is sent again.
Result<proto::TransactReply> Client::Impl::commit(const proto::ProposalRequest& request, bool& maybe_received) {
    const auto id = proto::transaction_id(request.signed_proposal());
    const auto deadline = base::steady_now() + options.commit_timeout;
    const auto left = [&] {
        return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - base::steady_now());
    };
    while (true) {
        if (left() <= 0ms)
            return fail("timeout", fmt::format("not committed within {} ms", options.commit_timeout.count()));
        auto reply = transact(request, std::min<std::chrono::milliseconds>(left(), kFirstWait), maybe_received);
        if (reply && reply->status().known()) return reply;
        if (!reply && (!maybe_received || reply.error().code == kStaleConfig)) return reply;
        proto::CommitStatusRequest question;
        question.set_transaction_id(proto::as_field(id));
        const auto wait = std::clamp<std::chrono::milliseconds>(left(), 0ms, kStatusWait);
        question.set_wait_ms(static_cast<std::uint32_t>(wait.count()));
        auto status = ask<proto::CommitStatusReply>(GatewayMethod::kCommitStatus, question, wait + options.call_timeout,
                                                    wait + kPatience);
        if (!status && !Gateways::is_transient(status.error()) && status.error().code != "unreachable")
            return fail(std::move(status).error());
        if (!status || !status->known()) continue;
        proto::TransactReply found;
        *found.mutable_status() = std::move(*status);
        return found;
    }
}

/// What the transaction answered. `reply` lacks it if the commit was asked for after a lost connection.
Result<Bytes> Client::Impl::response_to(const proto::ProposalRequest& request, const proto::TransactReply& reply) {
    if (!reply.result().empty()) return response_of(reply.result(), request);
    proto::GetTransactionRequest question;
    question.set_transaction_id(proto::as_field(proto::transaction_id(request.signed_proposal())));
    FS_ASSIGN(const auto found, ask<proto::GetTransactionReply>(GatewayMethod::kGetTransaction, question));
    FS_ASSIGN(const auto transaction, proto::decode<proto::Transaction>(found.transaction()));
    return response_of(transaction.result(), request);
}

Result<Commit> Client::Impl::attempt(const proto::ProposalRequest& signed_request) {
    auto request = signed_request;
    // Whoever began a trace goes on with it; else this submission begins one, so that logs can be put together.
    if (!base::TraceContext::parse(request.traceparent()))
        request.set_traceparent(base::TraceContext::root().to_text());
    for (int attempt = 1;; ++attempt) {
        auto commit = attempt_once(request);
        if (commit || attempt == kMaxAttempts || commit.error().code != kStaleConfig) return commit;
        pause_before_attempt(attempt);
    }
}

Result<Commit> Client::Impl::attempt_once(const proto::ProposalRequest& request) {
    const auto transaction_id = proto::transaction_id(request.signed_proposal());
    const std::string id = base::to_hex(transaction_id);
    bool maybe_received = false;
    const auto reply = commit(request, maybe_received);
    if (!reply) {
        const auto& error = reply.error();
        if (!maybe_received || error.code == kStaleConfig) return fail(error);
        return fail("unknown_outcome",
                    fmt::format("transaction {} may still commit ({}: {}); ask for its commit status", id, error.code,
                                error.message));
    }
    const auto& status = reply->status();
    if (status.outcome().code() != proto::VALID)
        return fail(
            proto::code_of(status.outcome().code()),
            fmt::format("transaction {} in block {} is invalid: {}", id, status.block(), status.outcome().reason()));
    auto response = response_to(request, *reply);
    if (!response && response.error().code == "bad_answer") return fail(response.error());
    if (!response)
        return fail("unknown_outcome", fmt::format("transaction {} is committed, but what it answered is not known "
                                                   "({}: {}); ask for the transaction",
                                                   id, response.error().code, response.error().message));
    return Commit{to_bytes(transaction_id), status.block(), status.index(), std::move(*response)};
}

Client::Client(base::net::Loop& loop, Options options) : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

Client::~Client() {
    std::map<std::uint64_t, std::shared_ptr<Subscription>> subscriptions;
    {
        const std::lock_guard lock(impl_->mutex);
        subscriptions.swap(impl_->subscriptions);
    }
    for (const auto& [id, subscription] : subscriptions) subscription->cancel();
}

Result<Bytes> Client::evaluate(const Identity& who, const Invocation& what, bool sealed) {
    return evaluate_signed(make_proposal(impl_->options.channel, who, what, proto::INTENT_QUERY, base::wall_now()),
                           sealed);
}

Result<Bytes> Client::evaluate_signed(const proto::ProposalRequest& proposal, bool sealed) {
    proto::EvaluateRequest request;
    *request.mutable_request() = proposal;
    request.set_sealed(sealed);
    FS_ASSIGN(const auto reply, impl_->ask<proto::EvaluateReply>(GatewayMethod::kEvaluate, request));
    return to_bytes(std::string_view(reply.response()));
}

Result<Commit> Client::submit(const Identity& who, const Invocation& what) {
    for (int attempt = 1;; ++attempt) {
        auto proposal = make_proposal(impl_->options.channel, who, what, proto::INTENT_SUBMIT, base::wall_now());
        proposal.set_traceparent(impl_->options.traceparent);
        auto commit = impl_->attempt(proposal);
        if (commit || attempt == kMaxAttempts || !retried_as_new(commit.error().code)) return commit;
        pause_before_attempt(attempt);
    }
}

Result<Commit> Client::submit_signed(const proto::ProposalRequest& request) {
    return impl_->attempt(request);
}

Result<proto::CommitStatusReply> Client::commit_status(ByteView transaction_id, std::chrono::milliseconds wait) {
    proto::CommitStatusRequest request;
    request.set_transaction_id(proto::as_field(transaction_id));
    request.set_wait_ms(static_cast<std::uint32_t>(std::clamp<std::int64_t>(wait.count(), 0, 30'000)));
    return impl_->ask<proto::CommitStatusReply>(GatewayMethod::kCommitStatus, request,
                                                impl_->options.call_timeout + wait, kPatience + wait);
}

Result<proto::GetTransactionReply> Client::transaction(ByteView transaction_id) {
    proto::GetTransactionRequest request;
    request.set_transaction_id(proto::as_field(transaction_id));
    return impl_->ask<proto::GetTransactionReply>(GatewayMethod::kGetTransaction, request);
}

Result<proto::DecidedBlock> Client::block(std::uint64_t height) {
    proto::GetBlockRequest request;
    request.set_height(height);
    return impl_->ask<proto::DecidedBlock>(GatewayMethod::kGetBlock, request);
}

Result<Bytes> Client::receipt(ByteView transaction_id) {
    proto::ReceiptRequest request;
    request.set_transaction_id(proto::as_field(transaction_id));
    return impl_->gateways
        ->call(GatewayMethod::kReceipt, proto::encode(request), impl_->options.call_timeout, kPatience)
        .result;
}

Result<proto::InfoReply> Client::info() {
    return impl_->ask<proto::InfoReply>(GatewayMethod::kInfo, proto::InfoRequest{});
}

std::uint64_t Client::subscribe(proto::Checkpoint after, std::vector<std::string> contracts, bool sealed,
                                std::function<void(const proto::EventBatch&)> on_batch) {
    proto::EventsRequest request;
    *request.mutable_after() = std::move(after);
    for (auto& contract : contracts) request.add_contracts(std::move(contract));
    request.set_sealed(sealed);
    auto subscription =
        std::make_shared<Subscription>(impl_->loop, impl_->gateways, std::move(request), std::move(on_batch));
    subscription->start();
    const std::lock_guard lock(impl_->mutex);
    impl_->subscriptions[impl_->next_subscription] = std::move(subscription);
    return impl_->next_subscription++;
}

void Client::unsubscribe(std::uint64_t subscription) {
    std::shared_ptr<Subscription> found;
    {
        const std::lock_guard lock(impl_->mutex);
        const auto node = impl_->subscriptions.extract(subscription);
        if (node) found = node.mapped();
    }
    if (found) found->cancel();
}

const Options& Client::options() const {
    return impl_->options;
}

}  // namespace fairstream::ledger::client
