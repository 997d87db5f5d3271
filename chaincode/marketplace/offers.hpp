#pragma once

#include <string>

#include "chaincode/schema/actors.pb.h"
#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// Data offers: what a verified seller lists.
namespace fairstream::chaincode::marketplace {

Result<schema::OfferReply> create_offer(ledger::contract::Context& context, const schema::CreateOfferRequest& request);
Result<schema::OfferReply> get_offer(ledger::contract::Context& context, const schema::GetOfferRequest& request);
Result<schema::OfferReply> get_stream(ledger::contract::Context& context, const schema::GetStreamRequest& request);
Result<schema::ListBatchesReply> list_batches(ledger::contract::Context& context,
                                              const schema::ListBatchesRequest& request);
Result<schema::ListOffersReply> list_offers(ledger::contract::Context& context,
                                            const schema::ListOffersRequest& request);

/// Error: not_found.
Result<schema::Offer> find_offer(ledger::contract::Context& context, const std::string& id);
Status store_offer(ledger::contract::Context& context, const schema::Offer& offer);

/// Error: no_batch.
Result<schema::Batch> find_batch(ledger::contract::Context& context, const schema::Offer& offer, std::uint32_t number);
Status store_batch(ledger::contract::Context& context, const schema::Offer& offer, const schema::Batch& batch);

/// The actor as of now. Error: not_registered.
Result<schema::Actor> registered(ledger::contract::Context& context, const std::string& did);
/// Errors: not_registered, not_verified.
Status check_verified_seller(ledger::contract::Context& context, const std::string& did);

}  // namespace fairstream::chaincode::marketplace
