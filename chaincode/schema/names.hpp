#pragma once

/// Names of the contracts, their functions and events, as proposals, event filters and contracts write them. The
/// messages of each function stand in the .proto of the same name; README.md has the table.
namespace fairstream::chaincode::schema::names {

namespace contract {
inline constexpr char kGovernance[] = "governance";
inline constexpr char kCredits[] = "credits";
inline constexpr char kActors[] = "actors";
inline constexpr char kSecurityManager[] = "security_manager";
inline constexpr char kCustody[] = "custody";
inline constexpr char kMarketplace[] = "marketplace";
inline constexpr char kTrust[] = "trust";
}  // namespace contract

namespace account {
inline constexpr char kMarket[] = "market";  // fees and commission
inline constexpr char kFaucet[] = "faucet";  // test networks
}  // namespace account

namespace governance {
inline constexpr char kApprove[] = "Approve";
}

namespace credits {
inline constexpr char kMint[] = "Mint";
inline constexpr char kTransfer[] = "Transfer";
inline constexpr char kFaucet[] = "Faucet";
inline constexpr char kBalance[] = "Balance";
inline constexpr char kHold[] = "Hold";
inline constexpr char kPay[] = "Pay";
inline constexpr char kAudit[] = "Audit";
inline constexpr char kTransferred[] = "Transferred";  // event
}  // namespace credits

namespace actors {
inline constexpr char kTrustIssuer[] = "TrustIssuer";
inline constexpr char kListIssuers[] = "ListIssuers";
inline constexpr char kRegisterAndVerifySeller[] = "RegisterAndVerifySeller";
inline constexpr char kRegisterAndVerifyClient[] = "RegisterAndVerifyClient";
inline constexpr char kGetActor[] = "GetActor";
inline constexpr char kListActors[] = "ListActors";
inline constexpr char kSetStanding[] = "SetStanding";
inline constexpr char kGetStanding[] = "GetStanding";
inline constexpr char kActorRegistered[] = "ActorRegistered";  // event
}  // namespace actors

namespace security_manager {
inline constexpr char kRegisterOperator[] = "RegisterOperator";
inline constexpr char kSetEndpoints[] = "SetEndpoints";
inline constexpr char kListOperators[] = "ListOperators";
inline constexpr char kCreateGrant[] = "CreateGrant";
inline constexpr char kDrawOperators[] = "DrawOperators";
inline constexpr char kGetGrant[] = "GetGrant";
inline constexpr char kRevokeGrant[] = "RevokeGrant";
inline constexpr char kGetPlacement[] = "GetPlacement";
inline constexpr char kUploadDataStream[] = "UploadDataStream";
inline constexpr char kGetUpload[] = "GetUpload";
inline constexpr char kDownloadDataStream[] = "DownloadDataStream";
inline constexpr char kGrantCreated[] = "GrantCreated";      // event
inline constexpr char kOperatorsDrawn[] = "OperatorsDrawn";  // event
inline constexpr char kGrantRevoked[] = "GrantRevoked";      // event
inline constexpr char kUploadStored[] = "UploadStored";      // event
}  // namespace security_manager

namespace custody {
inline constexpr char kDeal[] = "Deal";
inline constexpr char kGetDealing[] = "GetDealing";
inline constexpr char kRelease[] = "Release";
inline constexpr char kGetReleaseTask[] = "GetReleaseTask";
inline constexpr char kGetReleases[] = "GetReleases";
inline constexpr char kCountReleases[] = "CountReleases";
inline constexpr char kDealt[] = "Dealt";                  // event
inline constexpr char kShareReleased[] = "ShareReleased";  // event
}  // namespace custody

namespace marketplace {
inline constexpr char kConfigure[] = "Configure";
inline constexpr char kGetSettings[] = "GetSettings";
inline constexpr char kCreateOffer[] = "CreateOffer";
inline constexpr char kGetOffer[] = "GetOffer";
inline constexpr char kGetStream[] = "GetStream";
inline constexpr char kListBatches[] = "ListBatches";
inline constexpr char kListOffers[] = "ListOffers";
inline constexpr char kRequestUploadToken[] = "RequestUploadToken";
inline constexpr char kRecordStreamDetails[] = "RecordStreamDetails";
inline constexpr char kOpenKeyEpoch[] = "OpenKeyEpoch";
inline constexpr char kListKeyEpochs[] = "ListKeyEpochs";
inline constexpr char kGetKeyEpoch[] = "GetKeyEpoch";
inline constexpr char kListWindows[] = "ListWindows";
inline constexpr char kRequestDownloadToken[] = "RequestDownloadToken";
inline constexpr char kGetPurchase[] = "GetPurchase";
inline constexpr char kGetPurchaseRecord[] = "GetPurchaseRecord";
inline constexpr char kListPurchases[] = "ListPurchases";
inline constexpr char kSettle[] = "Settle";
inline constexpr char kRefund[] = "Refund";
inline constexpr char kOfferCreated[] = "OfferCreated";          // event
inline constexpr char kBatchRecorded[] = "BatchRecorded";        // event
inline constexpr char kKeyEpochOpened[] = "KeyEpochOpened";      // event
inline constexpr char kPurchaseMade[] = "PurchaseMade";          // event
inline constexpr char kPurchasePaid[] = "PurchasePaid";          // event
inline constexpr char kPurchaseRefunded[] = "PurchaseRefunded";  // event
}  // namespace marketplace

namespace trust {
inline constexpr char kConfigure[] = "Configure";
inline constexpr char kGetSettings[] = "GetSettings";
inline constexpr char kRate[] = "Rate";
inline constexpr char kReveal[] = "Reveal";
inline constexpr char kListRatings[] = "ListRatings";
inline constexpr char kSealEpoch[] = "SealEpoch";
inline constexpr char kComputeEpoch[] = "ComputeEpoch";
inline constexpr char kGetEpoch[] = "GetEpoch";
inline constexpr char kGetScore[] = "GetScore";
inline constexpr char kRatingMade[] = "RatingMade";          // event
inline constexpr char kRatingRevealed[] = "RatingRevealed";  // event
inline constexpr char kEpochSealed[] = "EpochSealed";        // event
inline constexpr char kTrustScored[] = "TrustScored";        // event
}  // namespace trust

}  // namespace fairstream::chaincode::schema::names
