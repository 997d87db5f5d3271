#pragma once

#include <cstdint>

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// How bought time is paid for, from what stands on the ledger alone:
///
/// - A recorded batch carries price * (its time within the window) / (the window's time), as the difference of two
///   floors, so that batches side by side carry no more than the price.
/// - Due of it are all its entries if all of them were written within the window (opened in it, recorded in it); else,
///   since the ledger does not see which frames' times lie in the window, its entries times the part of its time that
///   does, floored, at least one. Entries beyond what is due earn nothing.
/// - Each due entry that the buyer signed for is paid as an entry of a batch is (shares.hpp).
/// - The purchase is settled once its time is over, no key epoch that it meets is still written, and every batch that
///   lies wholly in it is delivered. The price of time that no batch covers then returns to the buyer. What was not
///   delivered of the batches at its edges stays in escrow until the refund deadline: a reader may never get those
///   entries, but if it signed for them, whoever served them is paid, however fast the buyer was to settle.
namespace fairstream::chaincode::marketplace {

/// Batches that one receipt can pay for in one transaction. The same receipt pays for the next ones when it is handed
/// in again.
constexpr std::size_t kMaxBatchesAtOnce = 64;

/// Pays for the fresh entries of `request` and advances `progress`; returns up to which entry they are accounted for.
/// Error: nothing_new (no fresh entry is of a recorded batch, and the purchase is not ready to be settled).
Result<std::uint64_t> settle_window(ledger::contract::Context& context, const schema::Purchase& purchase,
                                    const schema::SettleRequest& request, schema::PurchaseProgress& progress);

/// What of a purchase's price the batch carries, and how many entries are due. entries is 0 if it carries nothing.
struct Carried {
    std::int64_t price_micro = 0;
    std::uint64_t entries = 0;
    bool whole = false;  // all entries were written within the window
};
Carried carried(const schema::Window& window, std::int64_t price_micro, const schema::Batch& batch);

}  // namespace fairstream::chaincode::marketplace
