#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ledger/order/messages.hpp"

/// A PROPOSE without its transactions: every orderer has checked and kept them already, so their leaves in the block's
/// tree say which they are. What is put together again is judged like a block that came whole: by the hash that was
/// signed and the header's root. No I/O.
namespace fairstream::ledger::node {

using identity::crypto::Hash;

/// Nothing if the message is no PROPOSE of a block with transactions.
std::optional<proto::ShortProposal> shorten(const proto::SignedOrderMessage& message);

/// One that was received, on its way to being whole.
class ShortProposal {
public:
    using Find = std::function<std::shared_ptr<const Bytes>(const Hash& leaf)>;

    /// `from`: who sent it, which must be who signed it. Errors: malformed, too_large.
    static Result<ShortProposal> take(std::string_view from, ByteView bytes);

    std::uint64_t config_epoch() const { return config_epoch_; }
    const proto::SignedOrderMessage& message() const { return message_; }

    /// Looks for what is missing. Error: too_large (more or larger transactions than a block of `channel` may hold).
    Status fill(const contract::Channel& channel, const Find& find);
    /// Each once, in block order.
    std::vector<Hash> missing() const;
    /// The answer to who was asked for missing(): u32 length | Transaction, in that order. Errors: malformed,
    /// too_large, wrong_transactions (others than those).
    Status add(const contract::Channel& channel, ByteView frame);
    /// Precondition: nothing is missing. The message with its block.
    proto::SignedOrderMessage whole() &&;

private:
    proto::SignedOrderMessage message_;
    std::string header_;
    std::vector<Hash> leaves_;
    std::vector<std::shared_ptr<const Bytes>> transactions_;  // null: missing
    std::uint64_t config_epoch_ = 0;
    std::size_t bytes_ = 0;
};

/// The transactions of `block` (serialised Block) that a TransactionsRequest asks for. Errors: malformed, not_found
/// (one of them is not in this block).
Result<Bytes> transactions_of(ByteView block, const proto::TransactionsRequest& request);

}  // namespace fairstream::ledger::node
