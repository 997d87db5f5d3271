#include "ledger/validate/validator.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/pool.hpp"
#include "identity/crypto/merkle.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/validate/block_state.hpp"
#include "ledger/validate/checked_before.hpp"
#include "ledger/validate/transaction_check.hpp"

namespace fairstream::ledger::validate {

namespace {

constexpr std::size_t kHelpers = 8;  // jobs posted to the pool at most; those that find no work left end at once

/// Runs job(0) to job(count - 1), on this thread and on the pool's. Returns when all have run. A helper that starts
/// late finds nothing left to do and touches nothing that is gone.
void run_all(base::Pool* pool, std::size_t count, const std::function<void(std::size_t)>& job) {
    struct Shared {
        std::atomic<std::size_t> next{0};
        std::mutex mutex;
        std::condition_variable all_done;
        std::size_t done = 0;
    };
    const auto shared = std::make_shared<Shared>();
    const auto work = [shared, count, &job] {
        std::size_t finished = 0;
        for (auto i = shared->next++; i < count; i = shared->next++) {
            job(i);
            ++finished;
        }
        const std::lock_guard lock(shared->mutex);
        shared->done += finished;
        if (shared->done == count) shared->all_done.notify_all();
    };
    for (std::size_t helper = 1; pool != nullptr && helper < std::min(count, kHelpers); ++helper)
        if (!pool->post(work)) break;  // the pool is busy: this thread does it
    work();
    std::unique_lock lock(shared->mutex);
    shared->all_done.wait(lock, [&] { return shared->done == count; });
}

std::vector<CheckedTransaction> check_all(const contract::Channel& channel, base::Pool* pool, CheckedBefore* before,
                                          const proto::Block& block, TimePoint block_time) {
    std::vector<CheckedTransaction> checked(static_cast<std::size_t>(block.transactions_size()));
    run_all(pool, checked.size(), [&](std::size_t i) {
        const auto bytes = as_bytes(block.transactions(static_cast<int>(i)));
        if (before != nullptr)
            if (auto known = before->take(identity::crypto::merkle_leaf(bytes), channel, block_time)) {
                checked[i] = std::move(*known);
                return;
            }
        checked[i] = check_form(channel, bytes, block_time);
        if (checked[i].form.valid()) checked[i].signatures = verify_signatures(channel, checked[i], block_time);
    });
    return checked;
}

}  // namespace

Validator::Validator(contract::Channels channels, base::Pool* pool, CheckedBefore* before)
    : channels_(std::move(channels)), pool_(pool), before_(before) {}

Result<BlockResult> Validator::validate(const state::Snapshot& before, const proto::Block& block) const {
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(block.header()));
    if (header.height() != before.height() + 1)
        return fail("wrong_height", "block " + std::to_string(header.height()) +
                                        " does not follow the state of block " + std::to_string(before.height()));
    const auto channel = channels_.at(header.height());
    auto checked = check_all(*channel, pool_, before_, block, base::from_us(header.time_us()));

    BlockResult out;
    BlockState state(before, header.height(), header.time_us());
    for (std::size_t i = 0; i < checked.size(); ++i) {
        FS_ASSIGN(auto outcome, state.decide(checked[i]));
        if (outcome.code() == proto::VALID) {
            auto& result = checked[i].result;
            out.committed.push_back(
                {.id = checked[i].id,
                 .index = static_cast<std::uint32_t>(i),
                 .events = {std::make_move_iterator(result.mutable_events()->begin()),
                            std::make_move_iterator(result.mutable_events()->end())},
                 .private_writes = {result.private_writes().begin(), result.private_writes().end()}});
        }
        out.outcomes.push_back(std::move(outcome));
    }
    std::move(state).finish(out.batch);
    out.batch.height = header.height();
    out.batch.block_hash = identity::crypto::sha256(as_bytes(block.header()));
    out.outcomes_root = outcomes_root(out.outcomes);
    return out;
}

}  // namespace fairstream::ledger::validate
