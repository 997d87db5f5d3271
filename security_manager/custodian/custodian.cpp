#include "security_manager/custodian/custodian.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "chaincode/schema/custody.pb.h"
#include "chaincode/schema/events.pb.h"
#include "identity/crypto/custody.hpp"
#include "security_manager/custodian/state_file.hpp"

namespace fairstream::security_manager::custodian {

namespace crypto = identity::crypto;
namespace schema = chaincode::schema;

namespace {

constexpr std::chrono::seconds kSaveEvery{2};

std::string field(ByteView bytes) {
    return std::string(as_text(bytes));
}

template <typename Array>
Result<Array> to_array(const std::string& bytes) {
    Array out{};
    if (bytes.size() != out.size()) return fail("bad_answer", "a point of " + std::to_string(bytes.size()) + " bytes");
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

Result<crypto::custody::DealContext> deal_context(const std::string& network, const schema::DealingRecord& dealing) {
    crypto::custody::DealContext context{.network = network, .stream = dealing.stream_id(), .key_epoch = dealing.key_epoch(),
                                         .seller = dealing.seller(), .roster = {}, .threshold = dealing.threshold()};
    if (dealing.organisations_size() != dealing.custodian_keys_size()) return fail("bad_answer", "not one key per custodian");
    for (int i = 0; i < dealing.organisations_size(); ++i) {
        FS_ASSIGN(const auto key, to_array<crypto::custody::Point>(dealing.custodian_keys(i)));
        context.roster.emplace_back(dealing.organisations(i), key);
    }
    return context;
}

}  // namespace

struct Custodian::Impl {
    /// A purchase whose share is to be released.
    struct Work {
        std::chrono::microseconds due{};  // monotonic
        std::chrono::milliseconds pause;  // before the next attempt
    };

    base::net::Loop& loop;
    ledger::client::Client& client;
    const ledger::client::Identity identity;
    const crypto::SigningKey key;
    const CustodianOptions options;

    std::mutex mutex;
    std::condition_variable changed;
    bool stopping = false;
    std::uint64_t height = 0;
    std::map<std::string, Work> pending;
    std::optional<std::uint64_t> subscription;
    std::chrono::microseconds saved_at{};
    bool unsaved = false;
    std::thread worker;

    Impl(base::net::Loop& the_loop, ledger::client::Client& the_client, ledger::client::Identity who,
         crypto::SigningKey custodian_key, CustodianOptions the_options)
        : loop(the_loop), client(the_client), identity(std::move(who)), key(std::move(custodian_key)),
          options(std::move(the_options)) {}

    void add(const std::string& purchase) {
        pending.try_emplace(purchase, Work{.due = base::steady_now(), .pause = options.first_retry});
    }

    // On the loop thread.
    void on_batch(const ledger::proto::EventBatch& batch) {
        std::lock_guard lock(mutex);
        for (const auto& committed : batch.events()) {
            if (committed.event().contract() != "marketplace" || committed.event().name() != "PurchaseMade") continue;
            schema::PurchaseMade made;
            if (made.ParseFromString(committed.event().payload())) add(made.purchase());
        }
        height = std::max(height, batch.height());
        unsaved = true;
        changed.notify_all();
    }

    void follow() {
        if (subscription) return;
        ledger::proto::Checkpoint after;
        after.set_block(height);
        after.set_transaction(UINT32_MAX);  // everything of that block has been seen
        after.set_event(UINT32_MAX);
        subscription = client.subscribe(after, {"marketplace"}, /*sealed=*/true,
                                        [this](const ledger::proto::EventBatch& batch) { on_batch(batch); });
    }

    void unfollow() {
        if (subscription) client.unsubscribe(*subscription);
        subscription.reset();
    }

    void run() {
        std::unique_lock lock(mutex);
        while (!stopping) {
            balance(lock);
            const auto now = base::steady_now();
            const auto next = std::min_element(pending.begin(), pending.end(),
                                               [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
            save_if_due(lock, now);
            if (next != pending.end() && next->second.due <= now) {
                attempt(lock, next->first);
                continue;
            }
            const auto until_save = unsaved ? kSaveEvery : std::chrono::seconds(60);
            const auto pause = next == pending.end() ? std::chrono::microseconds(until_save)
                                                     : std::min<std::chrono::microseconds>(next->second.due - now, until_save);
            changed.wait_for(lock, pause);
        }
        save(lock);
    }

    /// The chain waits while too much is in work.
    void balance(std::unique_lock<std::mutex>& lock) {
        const bool too_many = pending.size() >= options.max_pending;
        if (too_many == !subscription.has_value()) return;
        lock.unlock();  // the client may call on_batch before it answers
        if (too_many) unfollow();
        else follow();
        lock.lock();
    }

    void save_if_due(std::unique_lock<std::mutex>& lock, std::chrono::microseconds now) {
        if (unsaved && now - saved_at >= kSaveEvery) save(lock);
    }

    void save(std::unique_lock<std::mutex>& lock) {
        FollowedState state{.height = height, .pending = {}};
        for (const auto& [purchase, work] : pending) state.pending.insert(purchase);
        unsaved = false;
        saved_at = base::steady_now();
        lock.unlock();
        if (auto saved = state.save(options.state_file); !saved) base::log_error("custodian: {}", saved.error().message);
        lock.lock();
    }

    void attempt(std::unique_lock<std::mutex>& lock, const std::string purchase) {
        lock.unlock();
        const auto done = release(purchase);
        lock.lock();
        unsaved = true;
        const auto found = pending.find(purchase);
        if (found == pending.end()) return;
        if (done) {
            pending.erase(found);
            return;
        }
        base::log_warn("custodian: purchase {} is tried again: {} ({})", purchase, done.error().message, done.error().code);
        found->second.due = base::steady_now() + found->second.pause;
        found->second.pause = std::min(options.last_retry, found->second.pause * 2);
    }

    /// Releases this organisation's share, if it is wanted and there is time. An error means: try again.
    Status release(const std::string& purchase) {
        schema::GetReleaseTaskRequest ask;
        ask.set_purchase(purchase);
        FS_ASSIGN(const auto task, ledger::client::query<schema::ReleaseTask>(client, identity, "custody", "GetReleaseTask", ask,
                                                                              /*sealed=*/true));
        if (!task.wanted()) return {};
        if (base::wall_now() + options.margin >= base::from_us(task.release_before_us())) {
            base::log_warn("custodian: purchase {} is too close to its release deadline, or past it", purchase);
            return {};
        }
        FS_ASSIGN(const auto context, deal_context(client.options().channel, task.dealing()));
        FS_ASSIGN(const auto y, to_array<crypto::custody::Point>(task.y()));
        FS_ASSIGN(const auto buyer_key, to_array<crypto::custody::Point>(task.buyer_key()));
        FS_ASSIGN(const auto made, crypto::custody::release(key, y, buyer_key,
                                                            crypto::custody::release_context(context, purchase, task.buyer())));
        schema::ReleaseRequest request;
        request.set_purchase(purchase);
        request.set_a(field(made.a));
        request.set_b(field(made.b));
        request.set_c(field(made.c));
        request.set_s(field(made.s));
        request.set_u(field(made.u));
        FS_TRY(client.submit(identity, {"custody", "Release", ledger::client::serialise(request), {}}));
        base::log_info("custodian: released the share of purchase {}", purchase);
        return {};
    }
};

Custodian::Custodian(base::net::Loop& loop, ledger::client::Client& client, ledger::client::Identity identity,
                     crypto::SigningKey key, CustodianOptions options)
    : impl_(std::make_unique<Impl>(loop, client, std::move(identity), std::move(key), std::move(options))) {}

Custodian::~Custodian() {
    stop();
}

Status Custodian::start() {
    FS_ASSIGN(const auto state, FollowedState::load(impl_->options.state_file));
    impl_->height = state.height;
    for (const auto& purchase : state.pending) impl_->add(purchase);
    impl_->worker = std::thread([this] { impl_->run(); });
    return {};
}

void Custodian::stop() {
    {
        std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
        impl_->changed.notify_all();
    }
    if (!impl_->worker.joinable()) return;
    impl_->worker.join();
    impl_->unfollow();
}

}  // namespace fairstream::security_manager::custodian
