#include "ledger/gateway/event_streams.hpp"

#include <limits>
#include <tuple>

#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::gateway {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxStreams = 512;
constexpr int kMaxContracts = 64;
constexpr std::uint64_t kBlocksPerRun = 64;
constexpr int kEventsPerBatch = 256;
constexpr std::size_t kBytesPerBatch = 1u << 20;
constexpr auto kBlockedPause = 20ms;

auto position(const proto::Checkpoint& at) {
    return std::tuple(at.block(), at.transaction(), at.event());
}

/// The first block that may hold something after `after`.
std::uint64_t next_block(const proto::Checkpoint& after) {
    const bool whole = after.transaction() == std::numeric_limits<std::uint32_t>::max();
    return std::max<std::uint64_t>(1, whole ? after.block() + 1 : after.block());
}

void move_past(proto::Checkpoint& after, std::uint64_t block) {
    after.set_block(block);
    after.set_transaction(std::numeric_limits<std::uint32_t>::max());
    after.set_event(std::numeric_limits<std::uint32_t>::max());
}

}  // namespace

void EventStreams::add(proto::EventsRequest request, std::shared_ptr<base::net::Responder> responder) {
    if (request.contracts_size() > kMaxContracts)
        return responder->fail({"malformed", "at most 64 contracts can be named"});
    std::erase_if(streams_,
                  [](const auto& entry) { return !entry.second->running && !entry.second->responder->alive(); });
    if (streams_.size() >= kMaxStreams) return responder->fail({"busy", "too many followers of events here"});
    auto stream = std::make_shared<Stream>();
    stream->contracts.insert(request.contracts().begin(), request.contracts().end());
    stream->sealed = request.sealed();
    stream->after = request.after();
    stream->responder = std::move(responder);
    const std::uint64_t number = next_++;
    streams_.emplace(number, std::move(stream));
    wake(number);
}

void EventStreams::advanced() {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, stream] : streams_) numbers.push_back(number);
    for (const std::uint64_t number : numbers) wake(number);
}

void EventStreams::wake(std::uint64_t number) {
    const auto found = streams_.find(number);
    if (found == streams_.end() || found->second->running) return;
    auto stream = found->second;
    if (!stream->responder->alive()) {
        streams_.erase(found);
        return;
    }
    const auto progress = parts_.surroundings.progress();
    const std::uint64_t limit = stream->sealed ? progress.sealed_height : progress.height;
    if (next_block(stream->after) > limit || stream->blocked) return;
    stream->running = true;
    const bool posted = parts_.pool.post([this, number, stream, limit] {
        auto status = deliver(*stream, limit);
        scope_.post([this, number, outcome = std::move(status)] { delivered(number, outcome); });
    });
    if (!posted) delivered(number, {});
}

void EventStreams::delivered(std::uint64_t number, const Status& status) {
    const auto& stream = streams_.at(number);
    stream->running = false;
    if (!status) {
        stream->responder->fail(status.error());
        streams_.erase(number);
        return;
    }
    if (!stream->blocked) return wake(number);
    scope_.after(kBlockedPause, [this, number] {
        const auto found = streams_.find(number);
        if (found == streams_.end()) return;
        found->second->blocked = false;
        wake(number);
    });
}

Status EventStreams::deliver(Stream& stream, std::uint64_t limit) const {
    const auto snapshot = parts_.state.snapshot();
    proto::EventBatch batch;
    proto::Checkpoint after = stream.after;
    const std::uint64_t first = next_block(after);
    const std::uint64_t last = std::min(limit, first + kBlocksPerRun - 1);
    for (std::uint64_t height = first; height <= last; ++height) {
        FS_TRY(add_events(stream, height, *snapshot, batch));
        batch.set_height(height);
        move_past(after, height);
        const bool full = batch.events_size() >= kEventsPerBatch || batch.ByteSizeLong() >= kBytesPerBatch;
        if (!full && height < last) continue;
        stream.blocked = !stream.responder->item(proto::encode(batch));
        if (stream.blocked) return {};
        stream.after = after;
        batch.Clear();
    }
    return {};
}

Status EventStreams::add_events(const Stream& stream, std::uint64_t height, const state::Snapshot& snapshot,
                                proto::EventBatch& batch) const {
    FS_ASSIGN(const auto decided, parts_.blocks.read(height));
    FS_ASSIGN(const auto block, proto::decode<proto::Block>(decided.block()));
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(block.header()));
    for (int index = 0; index < block.transactions_size(); ++index) {
        const auto transaction = proto::decode<proto::Transaction>(block.transactions(index));
        if (!transaction) continue;  // decided, but invalid: it did nothing
        const Hash id = proto::transaction_id(transaction->signed_proposal());
        FS_ASSIGN(const auto record, snapshot.transaction(id));
        const state::Version here{height, static_cast<std::uint32_t>(index)};
        if (!record || record->at != here || record->outcome.code() != proto::VALID) continue;
        FS_ASSIGN(auto result, proto::decode<proto::ProposalResult>(transaction->result()));
        for (int i = 0; i < result.events_size(); ++i) {
            proto::Checkpoint at;
            at.set_block(height);
            at.set_transaction(here.index);
            at.set_event(static_cast<std::uint32_t>(i));
            auto& event = *result.mutable_events(i);
            const bool wanted = stream.contracts.empty() || stream.contracts.contains(event.contract());
            if (!wanted || position(at) <= position(stream.after)) continue;
            auto& out = *batch.add_events();
            *out.mutable_at() = std::move(at);
            out.set_transaction_id(proto::as_field(id));
            out.set_time_us(header.time_us());
            *out.mutable_event() = std::move(event);
        }
    }
    return {};
}

}  // namespace fairstream::ledger::gateway
