#include "ledger/client/subscription.hpp"

#include <limits>
#include <tuple>
#include <utility>

#include "base/log.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::client {

using namespace std::chrono_literals;

namespace {

constexpr auto kReopenAfter = 100ms;

auto position(const proto::Checkpoint& at) {
    return std::tuple(at.block(), at.transaction(), at.event());
}

proto::Checkpoint end_of(std::uint64_t block) {
    proto::Checkpoint at;
    at.set_block(block);
    at.set_transaction(std::numeric_limits<std::uint32_t>::max());
    at.set_event(std::numeric_limits<std::uint32_t>::max());
    return at;
}

}  // namespace

Subscription::Subscription(base::net::Loop& loop, std::shared_ptr<Gateways> gateways, proto::EventsRequest request,
                           OnBatch on_batch)
    : loop_(loop), gateways_(std::move(gateways)), request_(std::move(request)), on_batch_(std::move(on_batch)) {}

void Subscription::start() {
    loop_.post([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->open();
    });
}

void Subscription::cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (client_) client_->cancel(stream_);
    client_.reset();
}

void Subscription::open() {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return;
    auto client = gateways_->current();
    if (!client->connected()) {
        gateways_->give_up_if_slow(client);
        return open_later();
    }
    client_ = client;
    const std::uint64_t generation = ++generation_;
    const auto current = [weak = weak_from_this(), generation]() -> std::shared_ptr<Subscription> {
        auto self = weak.lock();
        return self && self->generation_ == generation ? self : nullptr;
    };
    stream_ = client->stream(
        static_cast<std::uint16_t>(proto::GatewayMethod::kEvents), proto::encode(request_),
        [current](Bytes payload) {
            if (const auto self = current()) self->received(payload);
        },
        [current, client](Result<Bytes> end) {
            if (const auto self = current()) self->ended(client, end);
        });
}

void Subscription::received(const Bytes& payload) {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return;
    auto batch = proto::decode<proto::EventBatch>(payload);
    if (!batch) {
        base::log_warn("a gateway sent an event batch that cannot be read; its stream is dropped");
        client_->cancel(stream_);
        gateways_->give_up_on(client_);
        ++generation_;
        return open_later();
    }
    auto& after = *request_.mutable_after();
    if (batch->events_size() > 0) {
        const auto& last = batch->events(batch->events_size() - 1).at();
        if (position(last) > position(after)) after = last;
    }
    if (position(end_of(batch->height())) > position(after)) after = end_of(batch->height());
    on_batch_(*batch);
}

void Subscription::ended(const std::shared_ptr<base::net::RpcClient>& client, const Result<Bytes>& end) {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return;
    // Another gateway may keep more blocks: it is asked next.
    if (!end && end.error().code == "pruned" && !std::exchange(pruned_, true))
        base::log_warn("a gateway no longer has the events asked for: {}", end.error().message);
    if (!end) base::log_debug("event stream ended ({}: {}); following on", end.error().code, end.error().message);
    gateways_->give_up_on(client);
    client_.reset();
    ++generation_;
    open_later();
}

void Subscription::open_later() {
    loop_.after(kReopenAfter, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->open();
    });
}

}  // namespace fairstream::ledger::client
