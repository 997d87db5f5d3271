#pragma once

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// A seller's uploads: the token before, the record after.
namespace fairstream::chaincode::marketplace {

Result<schema::RequestUploadTokenReply> request_upload_token(ledger::contract::Context& context,
                                                             const schema::RequestUploadTokenRequest& request);
Result<schema::OfferReply> record_stream_details(ledger::contract::Context& context,
                                                 const schema::RecordStreamDetailsRequest& request);

/// The offer, if the caller is its seller. Errors: not_seller, not_found, not_an_actor.
Result<schema::Offer> own_offer(ledger::contract::Context& context, const std::string& id);
/// The last recorded batch; an empty one (all numbers 0) if there is none.
Result<schema::Batch> last_batch(ledger::contract::Context& context, const schema::Offer& offer);
/// Error: not_dealt.
Status check_dealt(ledger::contract::Context& context, const schema::Offer& offer, std::uint32_t key_epoch);
/// An upload grant of this offer that operators honour now. Errors: foreign_grant, not_active, expired.
Status check_live_grant(ledger::contract::Context& context, const schema::Offer& offer, const std::string& id);

}  // namespace fairstream::chaincode::marketplace
