#include "ledger/gateway/endorse_queue.hpp"

#include "base/clock.hpp"
#include "ledger/contract/endorsements.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::gateway {

using namespace std::chrono_literals;

namespace {

constexpr auto kTimeout = 5'000ms;
/// Behind an organisation that does not answer.
constexpr std::size_t kMaxWaiting = 1'024;
/// A batch of large proposals is small.
constexpr std::size_t kBatchBytes = 1u << 20;

}  // namespace

void EndorseQueue::ask(std::shared_ptr<const proto::ProposalRequest> request, Done done) {
    if (waiting_.size() >= kMaxWaiting)
        return scope_.post([refuse = std::move(done)] {
            refuse(fail("busy", "too many proposals wait for this organisation's endorsement"));
        });
    waiting_.push_back({std::move(request), std::move(done)});
    if (std::exchange(flushing_, true)) return;
    scope_.post([this] {
        flushing_ = false;
        flush();
    });
}

void EndorseQueue::flush() {
    if (!under_way_ && !waiting_.empty()) send(next_batch());
}

EndorseQueue::BatchPtr EndorseQueue::next_batch() {
    auto batch = std::make_shared<Batch>();
    batch->channel = parts_.channels.newest();
    std::size_t bytes = 0;
    while (!waiting_.empty() && batch->ids.size() < contract::kMaxEndorsedTogether && bytes < kBatchBytes) {
        auto next = std::move(waiting_.front());
        waiting_.pop_front();
        bytes += next.request->ByteSizeLong();
        batch->ids.push_back(proto::transaction_id(next.request->signed_proposal()));
        *batch->request.add_requests() = *next.request;
        batch->done.push_back(std::move(next.done));
    }
    return batch;
}

void EndorseQueue::send(const BatchPtr& batch) {
    under_way_ = true;
    sent_at_ = base::steady_now();
    parts_.metrics.count("ledger_endorse_batches_total");
    organisation_ == parts_.organisation ? ask_own(batch) : ask_other(batch);
}

void EndorseQueue::ask_own(const BatchPtr& batch) {
    const bool posted = parts_.pool.post([this, batch] {
        auto results = contract::take_apart(*batch->channel, organisation_, batch->ids,
                                            parts_.endorser.endorse(batch->request.requests(), base::wall_now()));
        scope_.post([this, batch, found = std::move(results)]() mutable { finished(batch, std::move(found)); });
    });
    if (!posted) failed(batch, {"busy", "this node has too much to simulate"});
}

void EndorseQueue::ask_other(const BatchPtr& batch) {
    parts_.surroundings.ask_endorser(
        organisation_, proto::encode(batch->request), kTimeout, [this, batch](Result<Bytes> answer) {
            if (!answer) return failed(batch, answer.error());
            const bool posted = parts_.pool.post([this, batch, bytes = std::move(*answer)] {
                auto endorsed = proto::decode<proto::EndorsedBatch>(bytes);
                auto results =
                    endorsed ? contract::take_apart(*batch->channel, organisation_, batch->ids, std::move(*endorsed))
                             : std::vector<Result<proto::EndorseResult>>(batch->ids.size(), fail(endorsed.error()));
                scope_.post([this, batch, found = std::move(results)]() mutable { finished(batch, std::move(found)); });
            });
            if (!posted) failed(batch, {"busy", "this node has too much to verify"});
        });
}

void EndorseQueue::failed(const BatchPtr& batch, const Error& error) {
    finished(batch, std::vector<Result<proto::EndorseResult>>(batch->ids.size(), fail(error)));
}

void EndorseQueue::finished(const BatchPtr& batch, std::vector<Result<proto::EndorseResult>> results) {
    under_way_ = false;
    for (std::size_t i = 0; i < results.size(); ++i) batch->done[i](std::move(results[i]));
    flush();
}

}  // namespace fairstream::ledger::gateway
