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

Result<Position> load(const std::filesystem::path& file) {
    const auto bytes = base::read_file(file, kMaxStateBytes);
    if (!bytes && bytes.error().code == "not_found") return Position{};
    if (!bytes) return fail(bytes.error());
    return Position::from_text(as_text(*bytes));
}

/// The ledger's final word: trying again changes nothing.
bool is_final(const Error& error) {
    return error.code == "already_released" || error.code == "too_late" || error.code == "not_custodian" ||
           error.code == "bad_task";
}

}  // namespace

struct Custodian::Impl : std::enable_shared_from_this<Custodian::Impl> {
    Impl(base::net::Loop& l, ledger::client::Client& c, ledger::client::Identity i, identity::crypto::SigningKey k,
         CustodianOptions o)
        : loop(l), client(c), identity(std::move(i)), key(std::move(k)), options(std::move(o)) {}

    void subscribe();
    void on_batch(std::uint64_t generation, const ledger::proto::EventBatch& batch);
    void work();
    Status release(const std::string& purchase);
    void save(const Position& done);

    base::net::Loop& loop;  // ledger calls need it: they cannot be waited for on it
    ledger::client::Client& client;
    const ledger::client::Identity identity;
    const identity::crypto::SigningKey key;
    const CustodianOptions options;

    std::mutex mutex;  // queue, generation, stopping
    std::condition_variable wake;
    std::optional<ReleaseQueue> queue;
    std::uint64_t generation = 0;  // of the subscription whose events count
    bool stopping = false;

    std::uint64_t subscription = 0;
    Position saved;
    TimePoint saved_at{};
    std::thread worker;
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
    impl.worker = std::thread([&impl] { impl.work(); });
    return {};
}

void Custodian::stop() {
    Impl& impl = *impl_;
    if (!impl.worker.joinable()) return;
    FS_ASSERT(!impl.loop.on_loop_thread());
    {
        const std::lock_guard lock(impl.mutex);
        impl.stopping = true;
    }
    impl.wake.notify_all();
    impl.worker.join();
    impl.client.unsubscribe(impl.subscription);
}

/// Follows the chain from what is done. On the starting thread, then on the worker's.
void Custodian::Impl::subscribe() {
    if (subscription != 0) client.unsubscribe(subscription);
    ledger::proto::Checkpoint after;
    std::uint64_t current = 0;
    {
        const std::lock_guard lock(mutex);
        const Position done = queue->done();
        after.set_block(done.block);
        after.set_transaction(done.transaction);
        after.set_event(done.event);
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
        schema::PurchaseMade made;
        const bool is_purchase = committed.event().contract() == names::contract::kMarketplace &&
                                 committed.event().name() == names::marketplace::kPurchaseMade;
        if (is_purchase && made.ParseFromString(committed.event().payload()) && !queue->add(at, made.purchase()))
            return;
        queue->follow(at);
    }
    constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();
    if (batch.height() > 0) queue->follow({batch.height(), kLast, kLast});
    wake.notify_all();
}

void Custodian::Impl::work() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        if (const auto purchase = queue->due(wall_now())) {
            lock.unlock();
            const Status released = release(*purchase);
            lock.lock();
            if (released)
                queue->finished(*purchase);
            else
                queue->failed(*purchase, wall_now());
        } else {
            const auto next = queue->next_due();
            const auto until = next ? std::min(*next, wall_now() + kSaveEvery) : wall_now() + kSaveEvery;
            wake.wait_until(lock, until);
        }
        const Position done = queue->done();
        const bool restart = queue->must_restart();
        lock.unlock();
        save(done);
        if (restart) subscribe();
        lock.lock();
    }
}

/// An error: to be tried again.
Status Custodian::Impl::release(const std::string& purchase) {
    schema::GetReleaseTaskRequest wanted;
    wanted.set_purchase(purchase);
    const auto task = ledger::client::query<schema::ReleaseTask>(
        client, identity, names::contract::kCustody, names::custody::kGetReleaseTask, wanted, /*sealed=*/true);
    Error error;
    if (!task) {
        error = task.error();
    } else if (!task->wanted()) {
        return {};
    } else if (const auto request = make_release(key, client.options().channel, purchase, *task); !request) {
        error = request.error();
    } else {
        const auto done = ledger::client::submit<schema::ReleaseRecord>(client, identity, names::contract::kCustody,
                                                                        names::custody::kRelease, *request);
        if (done) {
            base::log_info("released share {} of purchase {}", task->index(), purchase);
            return {};
        }
        error = done.error();
    }
    if (is_final(error)) {
        base::log_warn("no release for purchase {}: {}", purchase, error.message);
        return {};
    }
    base::log_warn("release for purchase {} is tried again: {} ({})", purchase, error.message, error.code);
    return fail(std::move(error));
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
