#pragma once

#include "ledger/blocks/block_store.hpp"
#include "ledger/contract/channel.hpp"
#include "ledger/proto/receipt.pb.h"
#include "ledger/state/state.hpp"

/// Receipts (ledger.md, "Transaction", 5): what became of a transaction, provable offline to who holds the genesis
/// file.
namespace fairstream::ledger::receipt {

using identity::crypto::Hash;

/// A transaction of at most 32 MiB, headers, paths and a certificate.
constexpr std::size_t kMaxReceiptBytes = 40u << 20;
/// Of a Merkle path. No block has 2^20 transactions.
constexpr int kMaxSteps = 20;

/// The receipt of the transaction that used up `id`. Reads its whole block. Errors: not_found (not committed here),
/// not_sealed (its outcome is not agreed on yet: ask again a little later), pruned, and the stores' own.
Result<proto::Receipt> make_receipt(const blocks::BlockStore& blocks, const state::Snapshot& state, const Hash& id);
/// The same for the transaction at a known place. Error besides: not_found (the block has no such transaction).
Result<proto::Receipt> make_receipt_at(const blocks::BlockStore& blocks, const state::Snapshot& state,
                                       const state::Version& place);

/// What a receipt proves.
struct Proven {
    Hash id{};
    proto::Transaction transaction;
    proto::Proposal proposal;
    proto::Outcome outcome;
    std::uint64_t height = 0;   // of its block
    std::uint64_t time_us = 0;  // of its block
};

/// Checks every byte of `receipt` (serialised Receipt) against the channel that the genesis file describes: whatever is
/// changed in it, this fails. Errors: too_large, malformed, wrong_channel, unknown_epoch, bad_certificate, and
/// bad_receipt, each with the part that does not hold.
Result<Proven> verify_receipt(const contract::Channel& channel, ByteView receipt);

}  // namespace fairstream::ledger::receipt
