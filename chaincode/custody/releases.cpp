#include "chaincode/custody/releases.hpp"

#include <algorithm>
#include <chrono>

#include "chaincode/custody/dealings.hpp"
#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/caller.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/custody_records.hpp"
#include "chaincode/schema/events.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"

namespace fairstream::chaincode::custody {

namespace names = schema::names;
namespace crypto = identity::crypto;
using ledger::contract::Context;
using std::chrono::minutes;

namespace {

/// A release may take a transaction's life and the clocks' skew to commit; custodians stop this long before the
/// deadline, so that key and money are never both the buyer's.
constexpr minutes kReleaseMargin{3};

std::string release_key(const std::string& purchase, std::uint32_t key_epoch, std::uint32_t index) {
    return "release/" + purchase + "/" + rules::sortable(key_epoch) + "/" + std::to_string(index);
}

/// What a purchase says that never changes.
Result<schema::Purchase> purchase_record(Context& context, const std::string& id) {
    schema::GetPurchaseRequest request;
    request.set_purchase(id);
    FS_ASSIGN(auto reply, rules::call<schema::PurchaseReply>(context, names::contract::kMarketplace,
                                                             names::marketplace::kGetPurchaseRecord, request));
    return std::move(*reply.mutable_purchase());
}

/// The dealing of the key epoch that is asked for, if the purchase opens it. Errors: wrong_key_epoch, not_covered.
Result<schema::DealingRecord> dealing_of(Context& context, const schema::Purchase& purchase, std::uint32_t key_epoch) {
    if (purchase.has_window()) {
        schema::GetKeyEpochRequest request;
        request.set_purchase(purchase.id());
        request.set_key_epoch(key_epoch);
        FS_TRY(rules::call<schema::KeyEpoch>(context, names::contract::kMarketplace, names::marketplace::kGetKeyEpoch,
                                             request));
        return find_dealing(context, purchase.stream_id(), key_epoch);
    }
    const auto own = purchase.batch().key_epoch();
    if (key_epoch != 0 && key_epoch != own)
        return fail("wrong_key_epoch", "the purchase is of key epoch " + std::to_string(own));
    return find_dealing(context, purchase.stream_id(), own);
}

/// Until the release deadline, and not before the time that is bought has begun.
Status check_time(Context& context, const schema::Purchase& purchase) {
    // A refund for want of keys opens after the deadline, so this guard also means: not refunded.
    const auto deadline = base::from_us(purchase.deadlines().release_us());
    if (context.created_at() >= deadline) return fail("too_late", "the release deadline has passed");
    context.require_before(deadline);
    if (!purchase.has_window()) return {};
    const auto begins = base::from_us(purchase.window().from_us());
    if (context.created_at() < begins)
        return fail("too_early", "the time that was bought begins at " + base::to_rfc3339(begins));
    context.require_after(begins);
    return {};
}

/// The organisation's place in the roster of the dealing, from 1. Error: not_custodian.
Result<std::uint32_t> index_of(const schema::DealingRecord& dealing, const std::string& organisation) {
    const auto& all = dealing.organisations();
    const auto found = std::find(all.begin(), all.end(), organisation);
    if (found == all.end()) return fail("not_custodian", organisation + " holds no share of this key");
    return static_cast<std::uint32_t>(found - all.begin()) + 1;
}

struct Statement {
    const schema::Purchase& purchase;
    const schema::DealingRecord& dealing;
    std::uint32_t index;
};

Status verify(Context& context, const Statement& of, const schema::ReleaseRequest& request) {
    FS_ASSIGN(const auto release, schema::to_release(request));
    FS_ASSIGN(const auto package, shares_of(context, of.dealing));
    const auto place = static_cast<int>(of.index) - 1;
    if (place >= package.y_size()) return fail("corrupt_state", "the private shares are fewer than the custodians");
    FS_ASSIGN(const auto y, schema::to_point("y", package.y(place)));
    FS_ASSIGN(const auto custodian, schema::to_point("custodian key", of.dealing.custodian_keys(place)));
    FS_ASSIGN(const auto buyer_key, schema::to_point("buyer_key", of.purchase.buyer_key()));
    FS_ASSIGN(const auto deal, schema::deal_context(context.channel(), of.dealing));
    const auto bound_to = crypto::custody::release_context(deal, of.purchase.id(), of.purchase.buyer());
    return crypto::custody::verify_release(release, custodian, y, buyer_key, bound_to);
}

}  // namespace

Result<schema::ReleaseRecord> release(Context& context, const schema::ReleaseRequest& request) {
    FS_ASSIGN(const auto member, rules::direct_member(context, identity::msp::Role::kNode));
    FS_TRY(rules::check_id("purchase", request.purchase()));
    FS_ASSIGN(const auto purchase, purchase_record(context, request.purchase()));
    FS_ASSIGN(const auto dealing, dealing_of(context, purchase, request.key_epoch()));
    FS_ASSIGN(const auto index, index_of(dealing, member.org));
    const auto key = release_key(purchase.id(), dealing.key_epoch(), index);
    FS_ASSIGN(const auto before, context.get(key));
    if (before) return fail("already_released", member.org + " has released its share for this purchase");
    FS_TRY(check_time(context, purchase));
    FS_TRY(verify(context, {.purchase = purchase, .dealing = dealing, .index = index}, request));
    schema::ReleaseRecord record;
    record.set_index(index);
    *record.mutable_release() = request;
    FS_TRY(rules::store(context, key, record));
    schema::ShareReleased event;
    event.set_purchase(purchase.id());
    event.set_index(index);
    event.set_key_epoch(dealing.key_epoch());
    rules::emit(context, names::custody::kShareReleased, event);
    return record;
}

Result<schema::ReleaseTask> get_release_task(Context& context, const schema::GetReleaseTaskRequest& request) {
    FS_ASSIGN(const auto member, rules::direct_member(context, identity::msp::Role::kNode));
    FS_TRY(rules::check_id("purchase", request.purchase()));
    FS_ASSIGN(const auto purchase, purchase_record(context, request.purchase()));
    FS_ASSIGN(const auto dealing, dealing_of(context, purchase, request.key_epoch()));
    FS_ASSIGN(const auto index, index_of(dealing, member.org));
    FS_ASSIGN(const auto released, context.get(release_key(purchase.id(), dealing.key_epoch(), index)));
    FS_ASSIGN(const auto package, shares_of(context, dealing));
    if (static_cast<int>(index) > package.y_size())
        return fail("corrupt_state", "the private shares are fewer than the custodians");
    schema::ReleaseTask task;
    *task.mutable_dealing() = dealing;
    task.set_index(index);
    task.set_y(package.y(static_cast<int>(index) - 1));
    task.set_buyer_key(purchase.buyer_key());
    task.set_buyer(purchase.buyer());
    task.set_release_before_us(purchase.deadlines().release_us());
    const auto last_moment = base::from_us(purchase.deadlines().release_us()) - kReleaseMargin;
    const auto now = context.created_at();
    task.set_not_before_us(purchase.window().from_us());
    task.set_wanted(!released && now <= last_moment && now >= base::from_us(task.not_before_us()));
    return task;
}

Result<schema::GetReleasesReply> get_releases(Context& context, const schema::GetReleasesRequest& request) {
    FS_TRY(rules::check_id("purchase", request.purchase()));
    FS_ASSIGN(const auto purchase, purchase_record(context, request.purchase()));
    schema::GetReleasesReply reply;
    FS_ASSIGN(*reply.mutable_dealing(), dealing_of(context, purchase, request.key_epoch()));
    for (int i = 1; i <= reply.dealing().organisations_size(); ++i) {
        FS_ASSIGN(auto record,
                  rules::load<schema::ReleaseRecord>(
                      context, release_key(purchase.id(), reply.dealing().key_epoch(), static_cast<std::uint32_t>(i))));
        if (record) *reply.add_releases() = std::move(*record);
    }
    return reply;
}

Result<schema::CountReleasesReply> count_releases(Context& context, const schema::CountReleasesRequest& request) {
    FS_TRY(rules::check_id("purchase", request.purchase()));
    FS_ASSIGN(const auto dealing, find_dealing(context, request.stream_id(), request.key_epoch()));
    const auto custodians = static_cast<std::uint32_t>(dealing.organisations_size());
    schema::CountReleasesReply reply;
    reply.set_threshold(dealing.threshold());
    std::uint32_t count = 0;
    for (std::uint32_t i = 1; i <= custodians && count < dealing.threshold(); ++i) {
        FS_ASSIGN(const auto record, context.get(release_key(request.purchase(), request.key_epoch(), i)));
        if (record) ++count;
    }
    reply.set_releases(count);
    return reply;
}

}  // namespace fairstream::chaincode::custody
