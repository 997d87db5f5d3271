#pragma once

#include <optional>

#include "chaincode/schema/marketplace.pb.h"
#include "ledger/contract/context.hpp"

/// Key epochs of live streams. An epoch covers the time from its opening to the next one's, or to its batch's record if
/// none follows: that is what its batch is paid for. Its frames may be written from its opening until its batch, or a
/// later one, is recorded (the seller goes on in the old epoch until the new one stands): for that long it is `live`,
/// and whoever has bought a part of that time gets its key. Both times rise with the epoch's number.
namespace fairstream::chaincode::marketplace {

/// Epochs that were opened and have no batch yet, at most: a bound on what recording a batch looks at.
constexpr std::uint32_t kMaxWaitingEpochs = 64;

/// Errors: not_seller, not_a_stream, foreign_grant, not_active (the grant), expired, not_dealt, out_of_sequence,
/// too_early (within a second of the epoch before), too_many_waiting.
Result<schema::OpenKeyEpochReply> open_key_epoch(ledger::contract::Context& context,
                                                 const schema::OpenKeyEpochRequest& request);
Result<schema::ListKeyEpochsReply> list_key_epochs(ledger::contract::Context& context,
                                                   const schema::ListKeyEpochsRequest& request);
/// Errors: not_a_stream (the purchase is of a batch), not_covered.
Result<schema::KeyEpoch> get_key_epoch(ledger::contract::Context& context, const schema::GetKeyEpochRequest& request);

/// The number of the newest one; 0: none was opened.
Result<std::uint32_t> newest_key_epoch(ledger::contract::Context& context, const std::string& offer);
/// Error: not_found.
Result<schema::KeyEpoch> find_key_epoch(ledger::contract::Context& context, const std::string& offer,
                                        std::uint32_t number);
/// True if frames of `epoch` may have been written within `window`.
bool meets(const schema::KeyEpoch& epoch, const schema::Window& window);
/// The last one that was opened before `until_us`, as a window that ends then sees it; nothing if there is none.
Result<std::optional<schema::KeyEpoch>> last_opened_before(ledger::contract::Context& context, const std::string& offer,
                                                           std::uint64_t until_us);

/// Says in `batch`, which follows `last`, what time its key epoch covers, and ends it and those that were passed over.
/// Errors: not_opened, too_early (not after the epoch's opening, or the record of `last`).
Status close_key_epoch(ledger::contract::Context& context, const std::string& offer, const schema::Batch& last,
                       schema::Batch& batch);

}  // namespace fairstream::chaincode::marketplace
