#pragma once

#include "chaincode/schema/custody.pb.h"
#include "identity/crypto/custody.hpp"
#include "ledger/proto/ledger.pb.h"

/// Between the ledger's records of key custody and its mathematics.
namespace fairstream::marketplace_dapp::client {

/// The context of a dealing under the channel config in force. Error: bad_point.
Result<identity::crypto::custody::DealContext> deal_context(const ledger::proto::ChannelConfig& config,
                                                            const std::string& stream_id, std::uint32_t key_epoch,
                                                            const std::string& seller);
/// The same as it stood when dealt. Error: bad_point.
Result<identity::crypto::custody::DealContext> deal_context(const std::string& network,
                                                            const chaincode::schema::DealingRecord& dealing);

chaincode::schema::DealRequest deal_request(const identity::crypto::custody::DealContext& context,
                                            const identity::crypto::custody::Dealing& dealing);
chaincode::schema::SharePackage share_package(const identity::crypto::custody::Dealing& dealing);

/// Error: bad_point, bad_scalar.
Result<std::vector<identity::crypto::custody::IndexedRelease>> releases(
    const chaincode::schema::GetReleasesReply& reply);

/// The fresh key Q of one purchase, derived from the buyer's own key and the request id: whoever holds the buyer's key
/// file can always open what it bought, and nothing else needs to be kept.
identity::crypto::SigningKey purchase_key(const identity::crypto::SigningKey& buyer, std::string_view request_id);

}  // namespace fairstream::marketplace_dapp::client
