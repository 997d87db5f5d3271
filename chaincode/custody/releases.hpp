#pragma once

#include "chaincode/schema/custody.pb.h"
#include "ledger/contract/context.hpp"

/// Releases: a custodian re-encrypts its share to one purchase's key, provably.
namespace fairstream::chaincode::custody {

Result<schema::ReleaseRecord> release(ledger::contract::Context& context, const schema::ReleaseRequest& request);
Result<schema::ReleaseTask> get_release_task(ledger::contract::Context& context,
                                             const schema::GetReleaseTaskRequest& request);
Result<schema::GetReleasesReply> get_releases(ledger::contract::Context& context,
                                              const schema::GetReleasesRequest& request);
Result<schema::CountReleasesReply> count_releases(ledger::contract::Context& context,
                                                  const schema::CountReleasesRequest& request);

}  // namespace fairstream::chaincode::custody
