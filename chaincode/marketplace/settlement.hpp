#pragma once

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// How money leaves escrow: on delivery receipts, or back to the buyer.
namespace fairstream::chaincode::marketplace {

/// By contract security_manager, which has verified the buyer's receipt.
Result<schema::SettleReply> settle(ledger::contract::Context& context, const schema::SettleRequest& request);
/// By anyone: after the release deadline if a batch's key was not released, else after the refund deadline.
Result<schema::PurchaseReply> refund(ledger::contract::Context& context, const schema::RefundRequest& request);

}  // namespace fairstream::chaincode::marketplace
