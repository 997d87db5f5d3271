#pragma once

#include <string>

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// Purchases: terms are checked, the price goes into escrow, and an agreement is made, in one transaction.
namespace fairstream::chaincode::marketplace {

Result<schema::PurchaseReply> request_download_token(ledger::contract::Context& context,
                                                     const schema::RequestDownloadTokenRequest& request);
/// The purchase with what has followed: payments, releases, state.
Result<schema::PurchaseReply> get_purchase(ledger::contract::Context& context,
                                           const schema::GetPurchaseRequest& request);
/// The purchase as it was made. It never changes, so a contract that reads this conflicts with nothing.
Result<schema::PurchaseReply> get_purchase_record(ledger::contract::Context& context,
                                                  const schema::GetPurchaseRequest& request);
Result<schema::ListPurchasesReply> list_purchases(ledger::contract::Context& context,
                                                  const schema::ListPurchasesRequest& request);

/// Errors: not_found.
Result<schema::Purchase> find_purchase(ledger::contract::Context& context, const std::string& id);
Result<schema::PurchaseProgress> find_progress(ledger::contract::Context& context, const std::string& id);
Status store_progress(ledger::contract::Context& context, const std::string& id,
                      const schema::PurchaseProgress& progress);

/// How many shares of the key are released (counted up to the threshold), and how many it takes.
struct Releases {
    std::uint32_t count = 0;
    std::uint32_t threshold = 1;
    bool enough() const { return count >= threshold; }
};
/// Of a purchase of a batch.
Result<Releases> releases_of(ledger::contract::Context& context, const schema::Purchase& purchase);

/// What is left in escrow. A settled purchase of time holds what can still be signed for at its edges.
std::int64_t held_micro(const schema::Purchase& purchase, const schema::PurchaseProgress& progress);
/// Errors, once nothing more is to be paid or returned: already_settled, already_refunded.
Status check_open(const schema::Purchase& purchase, const schema::PurchaseProgress& progress);

/// The purchase with `progress` and `releases` filled in.
schema::Purchase with_progress(schema::Purchase purchase, const schema::PurchaseProgress& progress,
                               const Releases& releases);

}  // namespace fairstream::chaincode::marketplace
