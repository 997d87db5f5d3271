#pragma once

#include <string>

#include "chaincode/schema/custody.pb.h"
#include "identity/crypto/keys.hpp"

namespace fairstream::security_manager::custodian {

/// The release of this custodian's share to the buyer: custody mathematics over what the ledger says of the purchase.
/// Errors: bad_task (not the custodian's own share: the roster holds another key; or malformed), bad_point.
Result<chaincode::schema::ReleaseRequest> make_release(const identity::crypto::SigningKey& custodian,
                                                       const std::string& network, const std::string& purchase,
                                                       const chaincode::schema::ReleaseTask& task);

}  // namespace fairstream::security_manager::custodian
