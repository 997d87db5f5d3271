#include "ledger/gateway/commit_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/proto/wire.hpp"
#include "ledger/validate/validator.hpp"

namespace fairstream::ledger::gateway {

using namespace std::chrono_literals;
using base::net::Responder;

namespace {
constexpr std::size_t kMaxWaiters = 16'384;
constexpr auto kMaxWait = 30'000ms;
constexpr auto kSealTimeout = 10'000ms;
}  // namespace

Result<proto::CommitStatusReply> CommitWatch::find(const Hash& id) const {
    proto::CommitStatusReply reply;
    FS_ASSIGN(const auto record, parts_.state.snapshot()->transaction(id));
    if (!record) return reply;
    reply.set_known(true);
    reply.set_block(record->at.block);
    reply.set_index(record->at.index);
    *reply.mutable_outcome() = record->outcome;
    reply.set_sealed(record->at.block <= parts_.surroundings.progress().sealed_height);
    return reply;
}

void CommitWatch::status(const proto::CommitStatusRequest& request, std::shared_ptr<Responder> responder) {
    const auto id = identity::crypto::to_hash(as_bytes(request.transaction_id()));
    if (!id) return responder->fail({"malformed", "a transaction id has 32 bytes"});
    when_committed(*id, std::chrono::milliseconds(request.wait_ms()), [responder](const auto& reply) {
        reply ? responder->reply(proto::encode(*reply)) : responder->fail(reply.error());
    });
}

void CommitWatch::when_committed(const Hash& id, std::chrono::milliseconds wait, OnStatus done) {
    auto reply = find(id);
    if (!reply || reply->known() || wait <= 0ms) return done(std::move(reply));
    if (auto ready = parts_.surroundings.ready(); !ready) return done(fail(ready.error()));
    if (waiters_.size() >= kMaxWaiters) return done(fail("busy", "too many clients wait for commits here"));

    const std::uint64_t number = next_++;
    const auto timer = scope_.after(std::min(wait, kMaxWait), [this, number] {
        const auto waiter = waiters_.extract(number);
        const auto [first, last] = by_id_.equal_range(waiter.mapped().id);
        by_id_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == number; }));
        waiter.mapped().done(find(waiter.mapped().id));
    });
    waiters_.emplace(number, Waiter{id, std::move(done), timer});
    by_id_.emplace(id, number);
}

void CommitWatch::when_sealed(std::uint64_t height, std::function<void(Status)> done) {
    if (height <= parts_.surroundings.progress().sealed_height) return done({});
    if (seal_waiters_.size() >= kMaxWaiters) return done(fail("busy", "too many clients wait for seals here"));
    const std::uint64_t number = next_++;
    const auto timer = scope_.after(kSealTimeout, [this, number, height] {
        const auto waiter = seal_waiters_.extract(number);
        waiter.mapped().done(fail("unavailable", fmt::format("block {} was not sealed in time", height)));
    });
    seal_waiters_.emplace(number, SealWaiter{height, std::move(done), timer});
}

void CommitWatch::dropped(std::span<const Hash> ids, const Error& why) {
    for (const auto& id : ids) end_waiting(id, fail(why));
}

void CommitWatch::end_waiting(const Hash& id, const Result<proto::CommitStatusReply>& answer) {
    const auto [first, last] = by_id_.equal_range(id);
    std::vector<Waiter> ended;
    for (auto entry = first; entry != last; ++entry) {
        auto waiter = waiters_.extract(entry->second);
        scope_.cancel(waiter.mapped().timer);
        ended.push_back(std::move(waiter.mapped()));
    }
    by_id_.erase(first, last);
    for (const auto& waiter : ended) waiter.done(answer);
}

void CommitWatch::advanced(std::span<const proto::Outcome> outcomes) {
    const auto progress = parts_.surroundings.progress();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const auto id = identity::crypto::to_hash(as_bytes(outcomes[i].transaction_id()));
        // An outcome that used up no id is not final: another copy of the transaction may be valid.
        if (!id || !by_id_.contains(*id) || !validate::uses_up_id(outcomes[i].code())) continue;
        proto::CommitStatusReply reply;
        reply.set_known(true);
        reply.set_block(progress.height);
        reply.set_index(static_cast<std::uint32_t>(i));
        *reply.mutable_outcome() = outcomes[i];
        reply.set_sealed(progress.height <= progress.sealed_height);
        end_waiting(*id, reply);
    }
    std::vector<std::function<void(Status)>> done;
    std::erase_if(seal_waiters_, [&](auto& entry) {
        if (entry.second.height > progress.sealed_height) return false;
        scope_.cancel(entry.second.timer);
        done.push_back(std::move(entry.second.done));
        return true;
    });
    for (const auto& call : done) call({});
}

}  // namespace fairstream::ledger::gateway
