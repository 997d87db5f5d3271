#pragma once

#include "chaincode/schema/security_manager.pb.h"
#include "ledger/contract/context.hpp"

/// Proof that a batch is stored: the writer's closing manifest and a quorum of the drawn operators' receipts for it.
namespace fairstream::chaincode::security_manager {

Result<schema::UploadRecord> upload_data_stream(ledger::contract::Context& context,
                                                const schema::UploadDataStreamRequest& request);
Result<schema::UploadRecord> get_upload(ledger::contract::Context& context, const schema::GetUploadRequest& request);

}  // namespace fairstream::chaincode::security_manager
