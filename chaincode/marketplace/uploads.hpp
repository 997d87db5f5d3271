#pragma once

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// A seller's uploads: the token before, the record after.
namespace fairstream::chaincode::marketplace {

Result<schema::RequestUploadTokenReply> request_upload_token(ledger::contract::Context& context,
                                                             const schema::RequestUploadTokenRequest& request);
Result<schema::OfferReply> record_stream_details(ledger::contract::Context& context,
                                                 const schema::RecordStreamDetailsRequest& request);

}  // namespace fairstream::chaincode::marketplace
