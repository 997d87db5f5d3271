#include "chaincode/security_manager/deliveries.hpp"

#include <algorithm>

#include "chaincode/rules/arguments.hpp"
#include "chaincode/rules/records.hpp"
#include "chaincode/schema/marketplace.pb.h"
#include "chaincode/schema/names.hpp"
#include "chaincode/security_manager/draw.hpp"
#include "chaincode/security_manager/grants.hpp"
#include "chaincode/security_manager/operators.hpp"
#include "chaincode/security_manager/ranges.hpp"

namespace fairstream::chaincode::security_manager {

namespace names = schema::names;
using ledger::contract::Context;

namespace {

constexpr std::size_t kMaxReceiptBytes = 16u << 10;

bool sells_time(const schema::Grant& grant) {
    return grant.until_us() != 0;
}

std::string delivery_key(const std::string& grant) {
    return "delivery/" + grant;
}

/// Signed by pk_C, for this purchase, over what this grant covers and by operators that hold it.
Result<schema::DeliveryReceipt> read_receipt(const Context& context, const schema::Grant& grant,
                                             const schema::SignedDeliveryReceipt& outer) {
    if (outer.receipt().size() > kMaxReceiptBytes) return fail("bad_receipt", "larger than 16 KiB");
    if (!signed_by_holder(context, grant, "delivery-receipt/v1", outer.receipt(), outer.signature()))
        return fail("bad_receipt", "not signed by the buyer's key of this grant");
    schema::DeliveryReceipt receipt;
    if (!receipt.ParseFromString(outer.receipt())) return fail("bad_receipt", "does not parse");
    if (receipt.purchase() != grant.purchase())
        return fail("foreign_grant", "the receipt is for another purchase than the grant");
    FS_TRY(rules::check_range("served", receipt.served_size(), 1, static_cast<std::int64_t>(kReplicas)));
    for (int i = 0; i < receipt.served_size(); ++i) {
        const auto& name = receipt.served(i).operator_();
        const auto& drawn = grant.operators();
        if (std::find(drawn.begin(), drawn.end(), name) == drawn.end())
            return fail("operator_not_drawn", "the receipt names an operator that was not drawn for this stream");
        for (int j = 0; j < i; ++j)
            if (receipt.served(j).operator_() == name) return fail("bad_receipt", name + " stands in it twice");
        FS_TRY(check_ranges(receipt.served(i), grant.first_sequence(), grant.last_sequence()));
    }
    if (!disjoint(receipt)) return fail("bad_receipt", "an entry is claimed by two operators");
    return receipt;
}

/// Without what `more` would add to operators whose entries would then lie in too many pieces. A buyer can sign for
/// scattered entries and hand that in itself, so an operator's own word may add more pieces: its receipts, which
/// include one another, always find room.
Result<schema::DeliveryReceipt> within_bounds(Context& context, const schema::DeliveryReceipt& before,
                                              const schema::DeliveryReceipt& more) {
    const auto after = merged(before, more, UINT64_MAX);
    auto kept = more;
    kept.clear_served();
    for (const auto& served : more.served()) {
        FS_ASSIGN(const auto entry, find_operator(context, served.operator_()));
        const int most = kMaxHeldRanges + (context.caller().did == entry.did() ? kMaxRanges : 0);
        if (find_served(after, served.operator_())->ranges_size() <= most) *kept.add_served() = served;
    }
    if (kept.served_size() > 0 || more.served_size() == 0) return kept;
    return fail("too_many_pieces", "what an operator served lies in more than " + std::to_string(kMaxHeldRanges) +
                                       " pieces: sign for what lies between them, or let the operator hand this in");
}

/// All that operators served so far, `more` included.
Result<schema::SettleRequest> deliveries_of(Context& context, const std::string& purchase,
                                            const schema::DeliveryReceipt& before,
                                            const schema::DeliveryReceipt& more) {
    schema::SettleRequest request;
    request.set_purchase(purchase);
    const auto after = merged(before, more, UINT64_MAX);
    std::uint64_t all = 0;
    for (const auto& served : after.served()) {
        FS_ASSIGN(const auto entry, find_operator(context, served.operator_()));
        auto& delivery = *request.add_deliveries();
        delivery.set_operator_(entry.name());
        delivery.set_entries(count(served));
        delivery.set_account(entry.did());
        all += delivery.entries();
        const auto* fresh = find_served(more, served.operator_());
        if (fresh == nullptr) continue;
        for (const auto& range : fresh->ranges()) {
            auto& one = *delivery.add_fresh();
            one.set_first(range.first());
            one.set_last(range.last());
        }
    }
    request.set_delivered_entries(all);
    return request;
}

}  // namespace

Result<schema::DownloadReply> download_data_stream(Context& context, const schema::DownloadDataStreamRequest& request) {
    // A revoked or expired grant is paid for too: what the buyer signed for was delivered.
    FS_ASSIGN(const auto grant, find_grant(context, request.grant(), schema::DOWNLOAD));
    FS_TRY(check_token_signature(context, grant, "download-token/v1", request.token_signature()));
    FS_ASSIGN(const auto receipt, read_receipt(context, grant, request.receipt()));
    const auto key = delivery_key(grant.id());
    FS_ASSIGN(const auto before, rules::load<schema::DeliveryReceipt>(context, key));
    const auto known = before.value_or(schema::DeliveryReceipt{});
    FS_ASSIGN(const auto more, within_bounds(context, known, added(known, receipt)));
    if (!sells_time(grant) && more.served_size() == 0)
        return fail("nothing_new", "the receipt covers no entry that was not paid for already");
    FS_ASSIGN(const auto settle, deliveries_of(context, grant.purchase(), known, more));
    FS_ASSIGN(const auto settled, rules::call<schema::SettleReply>(context, names::contract::kMarketplace,
                                                                   names::marketplace::kSettle, settle));
    auto accounted = merged(known, more, settled.through());
    accounted.set_purchase(grant.purchase());
    accounted.set_counter(std::max(known.counter(), receipt.counter()));
    FS_TRY(rules::store(context, key, accounted));
    schema::DownloadReply reply;
    reply.set_paid_micro(settled.purchase().paid_micro());
    reply.set_delivered_entries(settled.purchase().delivered_entries());
    reply.set_through(settled.through());
    return reply;
}

}  // namespace fairstream::chaincode::security_manager
