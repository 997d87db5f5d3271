#pragma once

#include <memory>

#include "ledger/contract/context.hpp"

namespace fairstream::chaincode::marketplace {

/// Offers, uploads, purchases and their settlement (marketplace.md).
///
///     Configure(MarketSettings) -> SettingsReply                        governance only
///     CreateOffer(CreateOfferRequest) -> OfferReply                     verified, registered sellers
///     RequestUploadToken(...) -> RequestUploadTokenReply                the offer's seller; batches: a fresh key epoch
///                                                                       each time; streams: the next one to open
///     OpenKeyEpoch(OpenKeyEpochRequest) -> OpenKeyEpochReply            the same, after custody.Deal (key_epochs.hpp)
///     RecordStreamDetails(...) -> OfferReply                            the same, after UploadDataStream and
///                                                                       custody.Deal; the same again answers the same
///     RequestDownloadToken(...) -> PurchaseReply                        registered clients; the price goes into escrow
///     Settle(SettleRequest) -> SettleReply                              by contract security_manager
///     Refund(RefundRequest) -> PurchaseReply                            anyone, after the deadline
///     GetSettings, GetOffer, GetStream, ListBatches, ListOffers, GetPurchase, GetPurchaseRecord, ListPurchases,
///     ListKeyEpochs, GetKeyEpoch, ListWindows                                          anyone
///
/// Errors: not_found, not_registered, not_verified, unknown_mode, bad_licence, duplicate_stream, not_seller,
/// foreign_grant, not_stored, not_dealt, batch_mismatch, out_of_sequence, no_batch, own_offer, terms_not_met,
/// price_changed, duplicate_request, bad_possession, insufficient_funds, keys_not_released, too_early, too_late,
/// already_settled, already_refunded, not_a_stream, not_active, expired, not_opened, not_covered, too_many_waiting,
/// not_buyer, foreign_purchase, already_renewed, nothing_new, governance_only, contract_only, not_an_actor,
/// bad_arguments.
std::shared_ptr<const ledger::contract::Contract> make_contract();

}  // namespace fairstream::chaincode::marketplace
