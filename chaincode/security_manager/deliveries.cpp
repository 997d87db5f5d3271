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

/// Later than the last one accepted, and nothing of it taken back. Of a live stream the same receipt may come again: it
/// pays for the batches that were recorded meanwhile.
Status check_progress(const schema::Grant& grant, const std::optional<schema::DeliveryReceipt>& before,
                      const schema::DeliveryReceipt& now) {
    if (!before) return {};
    const bool again = sells_time(grant) && now.counter() == before->counter();
    if (now.counter() <= before->counter() && !again)
        return fail("stale_receipt",
                    "a receipt with counter " + std::to_string(before->counter()) + " was accepted already");
    if (!includes(now, *before)) return fail("bad_receipt", "takes back what an earlier receipt signed for");
    return {};
}

Result<schema::SettleRequest> deliveries_of(Context& context, const schema::DeliveryReceipt& before,
                                            const schema::DeliveryReceipt& receipt) {
    schema::SettleRequest request;
    request.set_purchase(receipt.purchase());
    std::uint64_t all = 0;
    for (const auto& served : receipt.served()) {
        FS_ASSIGN(const auto entry, find_operator(context, served.operator_()));
        auto& delivery = *request.add_deliveries();
        delivery.set_operator_(entry.name());
        delivery.set_entries(count(served));
        delivery.set_account(entry.did());
        for (const auto& range : added(before, served)) {
            auto& fresh = *delivery.add_fresh();
            fresh.set_first(range.first());
            fresh.set_last(range.last());
        }
        all += delivery.entries();
    }
    request.set_delivered_entries(all);
    return request;
}

std::uint64_t entries_of(const schema::DeliveryReceipt& receipt) {
    std::uint64_t all = 0;
    for (const auto& served : receipt.served()) all += count(served);
    return all;
}

}  // namespace

Result<schema::DownloadReply> download_data_stream(Context& context, const schema::DownloadDataStreamRequest& request) {
    // A revoked or expired grant is paid for too: what the buyer signed for was delivered.
    FS_ASSIGN(const auto grant, find_grant(context, request.grant(), schema::DOWNLOAD));
    FS_TRY(check_token_signature(context, grant, "download-token/v1", request.token_signature()));
    FS_ASSIGN(const auto receipt, read_receipt(context, grant, request.receipt()));
    const auto key = delivery_key(grant.id());
    FS_ASSIGN(const auto before, rules::load<schema::DeliveryReceipt>(context, key));
    FS_TRY(check_progress(grant, before, receipt));
    const auto known = before.value_or(schema::DeliveryReceipt{});
    FS_ASSIGN(const auto settle, deliveries_of(context, known, receipt));
    if (!sells_time(grant) && entries_of(known) == settle.delivered_entries())
        return fail("nothing_new", "the receipt covers no entry that was not paid for already");
    FS_ASSIGN(const auto settled, rules::call<schema::SettleReply>(context, names::contract::kMarketplace,
                                                                   names::marketplace::kSettle, settle));
    FS_TRY(rules::store(context, key, accepted(known, receipt, settled.through())));
    schema::DownloadReply reply;
    reply.set_paid_micro(settled.purchase().paid_micro());
    reply.set_delivered_entries(settled.purchase().delivered_entries());
    return reply;
}

}  // namespace fairstream::chaincode::security_manager
