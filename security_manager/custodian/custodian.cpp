#include "security_manager/custodian/custodian.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/names.hpp"
#include "security_manager/custodian/release_queue.hpp"
#include "security_manager/custodian/releaser.hpp"

namespace fairstream::security_manager::custodian {

namespace schema = chaincode::schema;
namespace names = chaincode::schema::names;
using base::wall_now;

namespace {

/// How often the place in the chain is written although nothing was released.
constexpr std::chrono::seconds kSaveEvery{10};
constexpr std::size_t kMaxStateBytes = 256;
/// A job that waits for room, not for a time, is asked for again after this at the latest.
constexpr std::chrono::milliseconds kLeastWait{20};

Result<Position> load(const std::filesystem::path& file) {
    const auto bytes = base::read_file(file, kMaxStateBytes);
    if (!bytes && bytes.error().code == "not_found") return Position{};
    if (!bytes) return fail(bytes.error());
    return Position::from_text(as_text(*bytes));
}

/// The ledger's final word: trying again changes nothing.
bool is_final(const Error& error) {
    return error.code == "already_released" || error.code == "too_late" || error.code == "not_custodian" ||
           error.code == "bad_task" || error.code == "wrong_key_epoch" || error.code == "not_covered";
}

/// What an event asks for, if it is one of those that a custodian follows.
std::optional<Job> job_of(const ledger::proto::Event& event) {
    if (event.contract() != names::contract::kMarketplace) return std::nullopt;
    if (event.name() == names::marketplace::kPurchaseMade) {
        const auto made = ledger::proto::decode<schema::PurchaseMade>(event.payload());
        if (!made) return std::nullopt;
        const auto kind = made->key_epoch() == 0 ? Job::Kind::kPurchase : Job::Kind::kRelease;
        return Job{.kind = kind, .id = made->purchase(), .key_epoch = 0, .after = {}};
    }
    if (event.name() == names::marketplace::kKeyEpochOpened) {
        const auto opened = ledger::proto::decode<schema::KeyEpochOpened>(event.payload());
        if (!opened) return std::nullopt;
        return Job{.kind = Job::Kind::kKeyEpoch, .id = opened->offer(), .key_epoch = opened->key_epoch(), .after = {}};
    }
    return std::nullopt;
}

}  // namespace

struct Custodian::Impl : std::enable_shared_from_this<Custodian::Impl> {
    Impl(base::net::Loop& l, ledger::client::Client& c, ledger::client::Identity i, identity::crypto::SigningKey k,
         CustodianOptions o)
        : loop(l), client(c), identity(std::move(i)), options(std::move(o)), releaser(client, identity, std::move(k)) {}

    void subscribe();
    void on_batch(std::uint64_t generation, const ledger::proto::EventBatch& batch);
    void work();
    void keep_place();
    void save(const Position& done);

    base::net::Loop& loop;  // ledger calls need it: they cannot be waited for on it
    ledger::client::Client& client;
    const ledger::client::Identity identity;
    const CustodianOptions options;
    Releaser releaser;

    std::mutex mutex;  // queue, generation, stopping
    std::condition_variable wake;
    std::optional<ReleaseQueue> queue;
    std::uint64_t generation = 0;  // of the subscription whose events count
    bool stopping = false;

    std::uint64_t subscription = 0;
    Position saved;
    TimePoint saved_at{};
    std::vector<std::thread> threads;  // one that keeps the place in the chain, and the workers
};

Custodian::Custodian(base::net::Loop& loop, ledger::client::Client& client, ledger::client::Identity identity,
                     identity::crypto::SigningKey key, CustodianOptions options)
    : impl_(std::make_shared<Impl>(loop, client, std::move(identity), std::move(key), std::move(options))) {}

Custodian::~Custodian() {
    stop();
}

Status Custodian::start() {
    Impl& impl = *impl_;
    FS_ASSIGN(impl.saved, load(impl.options.state_file));
    impl.saved_at = wall_now();
    impl.queue.emplace(
        impl.saved, ReleaseQueue::Limits{impl.options.first_retry, impl.options.last_retry, impl.options.max_pending});
    impl.subscribe();
    impl.threads.emplace_back([&impl] { impl.keep_place(); });
    for (std::size_t i = 0; i < impl.options.workers; ++i) impl.threads.emplace_back([&impl] { impl.work(); });
    return {};
}

void Custodian::use_keys_besides(std::vector<identity::crypto::SigningKey> keys) {
    impl_->releaser.use_keys_besides(std::move(keys));
}

void Custodian::stop() {
    Impl& impl = *impl_;
    if (impl.threads.empty()) return;
    FS_ASSERT(!impl.loop.on_loop_thread());
    {
        const std::lock_guard lock(impl.mutex);
        impl.stopping = true;
    }
    impl.wake.notify_all();
    for (auto& thread : impl.threads) thread.join();
    impl.threads.clear();
    impl.client.unsubscribe(impl.subscription);
}

/// Follows the chain from what was seen. On the starting thread, then on the one that keeps the place.
void Custodian::Impl::subscribe() {
    if (subscription != 0) client.unsubscribe(subscription);
    ledger::proto::Checkpoint after;
    std::uint64_t current = 0;
    {
        const std::lock_guard lock(mutex);
        const Position seen = queue->followed();
        after.set_block(seen.block);
        after.set_transaction(seen.transaction);
        after.set_event(seen.event);
        queue->restart();
        current = ++generation;
    }
    subscription = client.subscribe(after, {names::contract::kMarketplace}, /*sealed=*/true,
                                    [weak = weak_from_this(), current](const ledger::proto::EventBatch& batch) {
                                        if (const auto self = weak.lock()) self->on_batch(current, batch);
                                    });
}

void Custodian::Impl::on_batch(std::uint64_t current, const ledger::proto::EventBatch& batch) {
    const std::lock_guard lock(mutex);
    if (current != generation) return;
    for (const auto& committed : batch.events()) {
        const Position at{committed.at().block(), committed.at().transaction(), committed.at().event()};
        auto job = job_of(committed.event());
        if (job && !queue->add(at, std::move(*job))) return;
        queue->follow(at);
    }
    constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();
    if (batch.height() > 0) queue->follow({batch.height(), kLast, kLast});
    wake.notify_all();
}

void Custodian::Impl::work() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        auto taken = queue->take(wall_now());
        if (!taken) {
            const auto next = queue->next_due();
            if (next)
                wake.wait_until(lock, std::max(*next, wall_now() + kLeastWait));
            else
                wake.wait(lock);
            continue;
        }
        const auto& [ticket, job] = *taken;
        lock.unlock();
        auto outcome = releaser.work(job);
        lock.lock();
        if (!outcome && !is_final(outcome.error()))
            queue->failed(ticket, wall_now());
        else if (outcome && outcome->not_before)
            queue->postponed(ticket, *outcome->not_before);
        else if (outcome && outcome->becomes())
            queue->split(ticket, std::move(outcome->jobs), std::move(outcome->rest));
        else
            queue->finished(ticket);
        wake.notify_all();
    }
}

void Custodian::Impl::keep_place() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        wake.wait_until(lock, wall_now() + kSaveEvery);
        const Position done = queue->done();
        const bool restart = queue->must_restart();
        lock.unlock();
        save(done);
        if (restart) subscribe();
        lock.lock();
    }
}

void Custodian::Impl::save(const Position& done) {
    const TimePoint now = wall_now();
    const bool far = done.block > saved.block && now - saved_at >= kSaveEvery;
    if (done == saved || !far) return;
    const auto written = base::write_file(options.state_file, as_bytes(done.to_text()), 0600);
    if (!written) base::log_error("the custodian's place in the chain: {}", written.error().message);
    saved = done;
    saved_at = now;
}

}  // namespace fairstream::security_manager::custodian
