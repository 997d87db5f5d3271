#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chaincode/schema/custody.pb.h"
#include "identity/crypto/custody.hpp"
#include "ledger/proto/ledger.pb.h"

/// Between the ledger's records of key custody and its mathematics: for the contract, custodians, sellers and buyers.
/// Errors of all: bad_arguments, naming the field and its size.
namespace fairstream::chaincode::schema {

Result<identity::crypto::custody::Point> to_point(std::string_view field, const std::string& bytes);
Result<identity::crypto::custody::Scalar> to_scalar(std::string_view field, const std::string& bytes);

/// The context of a new dealing, under the channel config in force.
Result<identity::crypto::custody::DealContext> deal_context(const ledger::proto::ChannelConfig& config,
                                                            const std::string& stream_id, std::uint32_t key_epoch,
                                                            const std::string& seller);
/// The same as it stood when dealt.
Result<identity::crypto::custody::DealContext> deal_context(std::string_view network, const DealingRecord& dealing);

DealRequest deal_request(const identity::crypto::custody::DealContext& context,
                         const identity::crypto::custody::Dealing& dealing);
SharePackage share_package(const identity::crypto::custody::Dealing& dealing);
/// Error besides: bad_dealing, unless there is one share per custodian.
Result<std::vector<identity::crypto::custody::EncryptedShare>> to_shares(const SharePackage& package, int custodians);

ReleaseRequest release_request(const std::string& purchase, const identity::crypto::custody::Release& release);
Result<identity::crypto::custody::Release> to_release(const ReleaseRequest& request);
Result<std::vector<identity::crypto::custody::IndexedRelease>> to_releases(const GetReleasesReply& reply);

}  // namespace fairstream::chaincode::schema
