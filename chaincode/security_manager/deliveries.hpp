#pragma once

#include "chaincode/schema/security_manager.pb.h"
#include "ledger/contract/context.hpp"

/// The buyer's signed delivery receipts. Each is cumulative, so an honest buyer's last one is enough; but what was
/// signed for once is owed, whatever was signed or handed in before or after it: an operator cannot know what a buyer
/// signed for another one, or told the ledger itself. So receipts add up. Each entry is paid once, to the operator that
/// it was first handed in for.
namespace fairstream::chaincode::security_manager {

Result<schema::DownloadReply> download_data_stream(ledger::contract::Context& context,
                                                   const schema::DownloadDataStreamRequest& request);

}  // namespace fairstream::chaincode::security_manager
