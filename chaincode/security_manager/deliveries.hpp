#pragma once

#include "chaincode/schema/security_manager.pb.h"
#include "ledger/contract/context.hpp"

/// The buyer's signed delivery receipts: cumulative, so the last one is enough, and each entry is paid once.
namespace fairstream::chaincode::security_manager {

Result<schema::DownloadReply> download_data_stream(ledger::contract::Context& context,
                                                   const schema::DownloadDataStreamRequest& request);

}  // namespace fairstream::chaincode::security_manager
