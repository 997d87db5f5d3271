#include "security_manager/custodian/releaser.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "chaincode/schema/custody_records.hpp"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::security_manager::custodian {

namespace custody = identity::crypto::custody;
namespace schema = chaincode::schema;
namespace names = chaincode::schema::names;

namespace {

/// What does not parse will not parse at the next attempt either.
template <typename T>
Result<T> in_task(Result<T> parsed) {
    if (!parsed) return fail("bad_task", parsed.error().message);
    return parsed;
}

}  // namespace

Result<schema::ReleaseRequest> make_release(const identity::crypto::SigningKey& custodian, const std::string& network,
                                            const std::string& purchase, const schema::ReleaseTask& task) {
    FS_ASSIGN(const auto context, in_task(schema::deal_context(network, task.dealing())));
    if (task.index() < 1 || task.index() > context.roster.size())
        return fail("bad_task", "the custodian's index is outside the roster");
    if (context.roster[task.index() - 1].second != custodian.public_key().compressed())
        return fail("key_missing",
                    "the stream was dealt to another key of this organisation's custodian: have it among "
                    "its keys");
    FS_ASSIGN(const auto y, in_task(schema::to_point("y", task.y())));
    FS_ASSIGN(const auto buyer_key, in_task(schema::to_point("buyer_key", task.buyer_key())));
    FS_ASSIGN(const auto release,
              custody::release(custodian, y, buyer_key, custody::release_context(context, purchase, task.buyer())));
    auto request = schema::release_request(purchase, release);
    request.set_key_epoch(task.dealing().key_epoch());
    return request;
}

template <typename Reply, typename Request>
Result<Reply> Releaser::ask(const char* contract, const char* function, const Request& request) {
    return ledger::client::query<Reply>(client_, identity_, contract, function, request, /*sealed=*/true);
}

Result<Releaser::Outcome> Releaser::work(const Job& job) {
    auto outcome = job.kind == Job::Kind::kRelease    ? release(job)
                   : job.kind == Job::Kind::kPurchase ? open_epochs(job)
                                                      : buyers(job);
    if (!outcome)
        base::log_warn("no release for {} (key epoch {}): {} ({})", job.id, job.key_epoch, outcome.error().message,
                       outcome.error().code);
    return outcome;
}

/// The key that the stream was dealt to, if it is here; a dealing names the roster's keys of its day.
identity::crypto::SigningKey Releaser::key_for(const schema::ReleaseTask& task) const {
    const auto place = static_cast<int>(task.index()) - 1;
    if (place < 0 || place >= task.dealing().custodian_keys_size()) return key_;
    const auto wanted = as_bytes(task.dealing().custodian_keys(place));
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(
        keys_besides_, [&](const auto& key) { return std::ranges::equal(key.public_key().compressed(), wanted); });
    return found == keys_besides_.end() ? key_ : *found;
}

void Releaser::use_keys_besides(std::vector<identity::crypto::SigningKey> keys) {
    const std::lock_guard lock(mutex_);
    keys_besides_ = std::move(keys);
}

Result<Releaser::Outcome> Releaser::release(const Job& job) {
    schema::GetReleaseTaskRequest wanted;
    wanted.set_purchase(job.id);
    wanted.set_key_epoch(job.key_epoch);
    FS_ASSIGN(const auto task,
              ask<schema::ReleaseTask>(names::contract::kCustody, names::custody::kGetReleaseTask, wanted));
    if (!task.wanted()) return Outcome{};
    FS_ASSIGN(const auto request, make_release(key_for(task), client_.options().channel, job.id, task));
    const auto released = ledger::client::submit<schema::ReleaseRecord>(client_, identity_, names::contract::kCustody,
                                                                        names::custody::kRelease, request);
    // A purchase and a key epoch that meet ask for the same release, each by its own event.
    if (!released && released.error().code == "already_released") return Outcome{};
    if (!released) return fail(released.error());
    base::log_info("released share {} of key epoch {} to purchase {}", task.index(), task.dealing().key_epoch(),
                   job.id);
    return Outcome{};
}

Result<Releaser::Outcome> Releaser::open_epochs(const Job& job) {
    schema::GetPurchaseRequest purchase;
    purchase.set_purchase(job.id);
    FS_ASSIGN(const auto record, ask<schema::PurchaseReply>(names::contract::kMarketplace,
                                                            names::marketplace::kGetPurchaseRecord, purchase));
    Outcome outcome;
    const auto begins = base::from_us(record.purchase().window().from_us());
    if (begins > base::wall_now()) {
        outcome.not_before = begins;
        return outcome;
    }
    schema::ListKeyEpochsRequest request;
    request.set_purchase(job.id);
    request.set_after(job.key_epoch);
    FS_ASSIGN(const auto page, ask<schema::ListKeyEpochsReply>(names::contract::kMarketplace,
                                                               names::marketplace::kListKeyEpochs, request));
    for (const auto& epoch : page.key_epochs())
        outcome.jobs.push_back({.kind = Job::Kind::kRelease, .id = job.id, .key_epoch = epoch.number(), .after = {}});
    if (!outcome.jobs.empty()) {
        outcome.rest = job;
        outcome.rest->key_epoch = outcome.jobs.back().key_epoch;
    }
    return outcome;
}

Result<Releaser::Outcome> Releaser::buyers(const Job& job) {
    schema::ListWindowsRequest request;
    request.set_offer(job.id);
    request.set_key_epoch(job.key_epoch);
    request.set_after(job.after);
    FS_ASSIGN(const auto page,
              ask<schema::ListWindowsReply>(names::contract::kMarketplace, names::marketplace::kListWindows, request));
    Outcome outcome;
    for (const auto& purchase : page.purchases())
        outcome.jobs.push_back({.kind = Job::Kind::kRelease, .id = purchase, .key_epoch = job.key_epoch, .after = {}});
    if (page.next().empty()) return outcome;
    outcome.rest = job;
    outcome.rest->after = page.next();
    return outcome;
}

}  // namespace fairstream::security_manager::custodian
