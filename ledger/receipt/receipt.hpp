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

/// The key in the state that holds the ConfigUpdate by which a config epoch came into force: receipts carry them on.
std::string config_update_key(std::uint64_t epoch);

/// What a receipt proves.
struct Proven {
    std::shared_ptr<const contract::Channel> channel;  // under whose config it was decided
    Hash id{};
    proto::Transaction transaction;
    proto::Proposal proposal;
    proto::Outcome outcome;
    std::uint64_t height = 0;   // of its block
    std::uint64_t time_us = 0;  // of its block
};

/// Checks every byte of `receipt` (serialised Receipt) against the channel that the genesis file describes: whatever is
/// changed in it, this fails. Config epochs are followed from genesis on, each signed by admins of a majority of the
/// organisations before it. Errors: too_large, malformed, wrong_channel, bad_certificate, bad_config, and bad_receipt,
/// each with the part that does not hold.
Result<Proven> verify_receipt(std::shared_ptr<const contract::Channel> genesis, ByteView receipt);

}  // namespace fairstream::ledger::receipt
