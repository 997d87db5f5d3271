#include "marketplace_dapp/client/purchase_watch.hpp"

#include <algorithm>
#include <set>

#include "base/clock.hpp"
#include "chaincode/schema/custody_records.hpp"
#include "marketplace_dapp/client/purchase_key.hpp"

namespace fairstream::marketplace_dapp::client {

namespace schema = chaincode::schema;
namespace custody = identity::crypto::custody;
using namespace std::chrono_literals;

namespace {

constexpr auto kLookEvery = 1000ms;
constexpr auto kLookForKey = 100ms;

/// The ledger knows as much as this receipt says, or more.
bool says_nothing_new(const Error& error) {
    return error.code == "nothing_new" || error.code == "stale_receipt" || error.code == "already_settled";
}

}  // namespace

PurchaseWatch::PurchaseWatch(Connection& connection, const ledger::client::Identity& buyer, schema::Purchase purchase)
    : connection_(connection), buyer_(buyer), purchase_(std::move(purchase)), thread_([this] { run(); }) {}

PurchaseWatch::~PurchaseWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

template <typename Reply, typename Request>
Result<Reply> PurchaseWatch::ask(const char* contract, const char* function, const Request& request) {
    return ledger::client::query<Reply>(connection_.ledger(), buyer_, contract, function, request);
}

void PurchaseWatch::run() {
    for (;;) {
        const auto looked = look();
        std::unique_lock lock(mutex_);
        standing_.trouble = looked ? std::string() : looked.error().message + " (" + looked.error().code + ")";
        changed_.notify_all();
        const auto until = base::wall_now() + (waiting_for_ > 0 ? kLookForKey : kLookEvery);
        changed_.wait_until(lock, until, [&] { return stopping_ || wake_; });
        wake_ = false;
        if (stopping_) return;
    }
}

Status PurchaseWatch::look() {
    FS_TRY(look_for_epochs());
    std::vector<std::uint32_t> keys;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> batches;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [number, epoch] : epochs_) {
            if (!epoch.key && !wrong_.contains(number)) keys.push_back(number);
            if (!epoch.batch && epoch.record.batch() != 0) batches.emplace_back(number, epoch.record.batch());
        }
    }
    for (const auto number : keys) FS_TRY(fetch_key(number));
    for (const auto& [number, batch] : batches) FS_TRY(fetch_batch(number, batch));
    return hand_in();
}

/// Those that are not done with, and whether more can come.
Status PurchaseWatch::look_for_epochs() {
    schema::ListKeyEpochsRequest request;
    request.set_purchase(purchase_.id());
    {
        const std::lock_guard lock(mutex_);
        request.set_after(first_ - 1);
    }
    const bool over = base::to_us(base::wall_now()) > purchase_.window().until_us();
    bool all_ended = true;
    for (;;) {
        FS_ASSIGN(const auto page, ask<schema::ListKeyEpochsReply>("marketplace", "ListKeyEpochs", request));
        const std::lock_guard lock(mutex_);
        for (const auto& epoch : page.key_epochs()) {
            all_ended = all_ended && epoch.ended_at_us() != 0;
            if (epoch.number() >= first_) epochs_[epoch.number()].record = epoch;
            request.set_after(epoch.number());
        }
        if (page.key_epochs_size() == 0) break;
    }
    const std::lock_guard lock(mutex_);
    standing_.ended = over && all_ended;
    return {};
}

Status PurchaseWatch::fetch_key(std::uint32_t number) {
    schema::GetReleasesRequest request;
    request.set_purchase(purchase_.id());
    request.set_key_epoch(number);
    FS_ASSIGN(const auto reply, ask<schema::GetReleasesReply>("custody", "GetReleases", request));
    if (static_cast<std::uint32_t>(reply.releases_size()) < reply.dealing().threshold()) return {};
    const auto combined = [&]() -> Result<custody::StreamKey> {
        FS_ASSIGN(const auto context, schema::deal_context(connection_.profile().network, reply.dealing()));
        FS_ASSIGN(const auto released, schema::to_releases(reply));
        FS_ASSIGN(const auto check_value, identity::crypto::to_hash(as_bytes(reply.dealing().key_check_value())));
        return custody::combine(purchase_key(buyer_.key, purchase_.request_id()), released, context, check_value);
    }();
    const std::lock_guard lock(mutex_);
    if (!combined)
        wrong_.insert_or_assign(number, combined.error());
    else if (const auto found = epochs_.find(number); found != epochs_.end())
        found->second.key = *combined;
    changed_.notify_all();
    return {};
}

Status PurchaseWatch::fetch_batch(std::uint32_t number, std::uint32_t batch) {
    schema::ListBatchesRequest request;
    request.set_offer(purchase_.agreement().offer());
    request.set_after(batch - 1);
    request.set_limit(1);
    FS_ASSIGN(const auto reply, ask<schema::ListBatchesReply>("marketplace", "ListBatches", request));
    if (reply.batches_size() == 0) return fail("bad_answer", "ListBatches left out a batch");
    const std::lock_guard lock(mutex_);
    if (const auto found = epochs_.find(number); found != epochs_.end()) found->second.batch = reply.batches(0);
    ++standing_.batches;
    return {};
}

/// Once for each batch that was recorded, and at the end until nothing is left in escrow.
Status PurchaseWatch::hand_in() {
    std::optional<schema::DownloadDataStreamRequest> receipt;
    std::uint64_t number = 0;
    std::uint32_t batches = 0;
    bool ended = false;
    {
        const std::lock_guard lock(mutex_);
        number = receipts_;
        batches = standing_.batches;
        ended = standing_.ended;
        const bool due = batches > batches_handed_in_ || (ended && (number > handed_in_ || !last_handed_in_));
        if (due && !standing_.settled) receipt = receipt_;
    }
    if (!receipt) return {};
    const auto paid = ledger::client::submit<schema::DownloadReply>(connection_.ledger(), buyer_, "security_manager",
                                                                    "DownloadDataStream", *receipt);
    if (!paid && !says_nothing_new(paid.error())) return fail(paid.error());
    schema::GetPurchaseRequest request;
    request.set_purchase(purchase_.id());
    FS_ASSIGN(const auto reply, ask<schema::PurchaseReply>("marketplace", "GetPurchase", request));
    const auto state = reply.purchase().state();
    const std::lock_guard lock(mutex_);
    handed_in_ = number;
    batches_handed_in_ = batches;
    last_handed_in_ = ended;
    standing_.handed_in = ended && handed_in_ == receipts_;
    standing_.settled = state == schema::SETTLED || state == schema::REFUNDED;
    standing_.paid_micro = reply.purchase().paid_micro();
    changed_.notify_all();
    return {};
}

Result<std::optional<custody::StreamKey>> PurchaseWatch::key(std::uint32_t key_epoch, std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    const auto have = [&] {
        const auto found = epochs_.find(key_epoch);
        return wrong_.contains(key_epoch) || (found != epochs_.end() && found->second.key);
    };
    if (!have()) {
        waiting_for_ = key_epoch;
        wake_ = true;
        changed_.notify_all();
        changed_.wait_until(lock, base::wall_now() + wait, have);
        waiting_for_ = 0;
    }
    if (const auto wrong = wrong_.find(key_epoch); wrong != wrong_.end()) return fail(wrong->second);
    const auto found = epochs_.find(key_epoch);
    if (found == epochs_.end()) return std::optional<custody::StreamKey>{};
    return found->second.key;
}

std::optional<schema::Batch> PurchaseWatch::batch(std::uint32_t key_epoch) {
    const std::lock_guard lock(mutex_);
    const auto found = epochs_.find(key_epoch);
    return found == epochs_.end() ? std::nullopt : found->second.batch;
}

void PurchaseWatch::forget_before(std::uint32_t key_epoch) {
    const std::lock_guard lock(mutex_);
    first_ = std::max(first_, key_epoch);
    epochs_.erase(epochs_.begin(), epochs_.lower_bound(first_));
}

void PurchaseWatch::set_receipt(schema::DownloadDataStreamRequest receipt) {
    const std::lock_guard lock(mutex_);
    receipt_ = std::move(receipt);
    ++receipts_;
    standing_.handed_in = false;
}

PurchaseWatch::Standing PurchaseWatch::standing() {
    const std::lock_guard lock(mutex_);
    return standing_;
}

bool PurchaseWatch::wait_settled(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, base::wall_now() + wait, [&] { return standing_.settled; });
}

}  // namespace fairstream::marketplace_dapp::client
