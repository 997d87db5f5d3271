#pragma once

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// Time that is paid for ahead: which time a purchase of windows covers, and who has bought the time of a key epoch.
namespace fairstream::chaincode::marketplace {

/// From now, or from the end of the purchase that it renews if that is yet to come. Errors: bad_arguments, not_found,
/// not_buyer, foreign_purchase, already_renewed, too_early (the renewed one ends more than 31 days from now).
Result<schema::Window> make_window(ledger::contract::Context& context, const schema::Offer& offer,
                                   const std::string& buyer, const schema::RequestDownloadTokenRequest& request);
/// Makes the purchase known to ListWindows, and to the one that it renews.
Status store_window(ledger::contract::Context& context, const schema::Purchase& purchase);
/// The purchase that renews this one, or nothing.
Result<std::string> renewal_of(ledger::contract::Context& context, const std::string& purchase);

/// Reads one page of the purchases that end after the epoch opened, in that order. Commits never read it.
Result<schema::ListWindowsReply> list_windows(ledger::contract::Context& context,
                                              const schema::ListWindowsRequest& request);

}  // namespace fairstream::chaincode::marketplace
