#include <fmt/format.h>

#include "identity/crypto/merkle.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/receipt/receipt.hpp"

namespace fairstream::ledger::receipt {

namespace crypto = identity::crypto;

std::string config_update_key(std::uint64_t epoch) {
    return fmt::format("~ledger/config_update/{:016x}", epoch);
}

namespace {

struct Stored {
    proto::Block block;
    std::string certificate;
};

Result<Stored> read(const blocks::BlockStore& blocks, std::uint64_t height) {
    FS_ASSIGN(auto decided, blocks.read(height));
    FS_ASSIGN(auto block, proto::decode<proto::Block>(decided.block()));
    return Stored{std::move(block), std::move(*decided.mutable_certificate())};
}

/// All outcomes of a block, as they were hashed: those that used up an id lie under it, the rest under the block.
Result<std::vector<std::string>> outcomes_of(const proto::Block& block, std::uint64_t height,
                                             const state::Snapshot& state) {
    FS_ASSIGN(auto outcomes, state.other_outcomes(height));
    for (int i = 0; i < block.transactions_size(); ++i) {
        const auto index = static_cast<std::uint32_t>(i);
        if (outcomes.contains(index)) continue;
        FS_ASSIGN(const auto transaction, proto::decode<proto::Transaction>(block.transactions(i)));
        FS_ASSIGN(auto record, state.transaction(proto::transaction_id(transaction.signed_proposal())));
        if (!record || record->at != state::Version{height, index})
            return fail("damaged", fmt::format("the outcome of transaction {} of block {} is not stored", i, height));
        outcomes.emplace(index, std::move(record->outcome));
    }
    std::vector<std::string> out;
    for (const auto& [index, outcome] : outcomes) out.push_back(outcome.SerializeAsString());
    return out;
}

template <typename Items>
std::vector<Hash> leaves_of(const Items& items) {
    std::vector<Hash> leaves;
    leaves.reserve(static_cast<std::size_t>(items.size()));
    for (const auto& item : items) leaves.push_back(crypto::merkle_leaf(as_bytes(item)));
    return leaves;
}

/// Those that lead from the genesis config to the one that `header` was decided under.
Status add_config_updates(const state::Snapshot& state, std::string_view header_bytes, proto::Receipt& receipt) {
    FS_ASSIGN(const auto header, proto::decode<proto::BlockHeader>(as_bytes(header_bytes)));
    for (std::uint64_t epoch = 2; epoch <= header.config_epoch(); ++epoch) {
        FS_ASSIGN(const auto update, state.get(config_update_key(epoch)));
        if (!update) return fail("damaged", fmt::format("how config epoch {} was approved is not stored", epoch));
        receipt.add_config_updates(proto::as_field(update->value));
    }
    return {};
}

/// At which steps from leaf `index` up to the root the sibling is the left one; bit 0 is nearest the leaf.
std::uint64_t left_siblings(std::uint64_t index, std::uint64_t count) {
    std::uint64_t bits = 0;
    std::uint64_t last = count - 1;
    for (int step = 0; last > 0; index >>= 1, last >>= 1) {
        const bool on_the_left = (index & 1) != 0;
        if (!on_the_left && index == last) continue;  // no sibling here: the node moves up as it is
        if (on_the_left) bits |= std::uint64_t{1} << step;
        ++step;
    }
    return bits;
}

}  // namespace

Result<proto::Receipt> make_receipt(const blocks::BlockStore& blocks, const state::Snapshot& state, const Hash& id) {
    FS_ASSIGN(const auto record, state.transaction(id));
    if (!record) return fail("not_found", "transaction " + proto::short_id(id) + " is not committed here");
    return make_receipt_at(blocks, state, record->at);
}

Result<proto::Receipt> make_receipt_at(const blocks::BlockStore& blocks, const state::Snapshot& state,
                                       const state::Version& place) {
    if (place.block >= blocks.height())
        return fail("not_sealed",
                    fmt::format("the outcomes of block {} are not agreed on yet; ask again in a second", place.block));
    FS_ASSIGN(auto own, read(blocks, place.block));
    FS_ASSIGN(auto next, read(blocks, place.block + 1));
    const auto count = static_cast<std::uint32_t>(own.block.transactions_size());
    if (place.index >= count)
        return fail("not_found", fmt::format("block {} has no transaction {}", place.block, place.index));
    FS_ASSIGN(auto outcomes, outcomes_of(own.block, place.block, state));

    proto::Receipt receipt;
    receipt.set_siblings_on_the_left(left_siblings(place.index, count));
    for (const auto& hash : crypto::merkle_path(leaves_of(own.block.transactions()), place.index))
        receipt.add_transaction_path(proto::as_field(hash));
    for (const auto& hash : crypto::merkle_path(leaves_of(outcomes), place.index))
        receipt.add_outcome_path(proto::as_field(hash));
    receipt.set_transaction(std::move(*own.block.mutable_transactions(static_cast<int>(place.index))));
    receipt.set_outcome(std::move(outcomes[place.index]));
    receipt.set_header(std::move(*own.block.mutable_header()));
    receipt.set_next_header(std::move(*next.block.mutable_header()));
    FS_TRY(add_config_updates(state, receipt.next_header(), receipt));
    receipt.set_certificate(std::move(next.certificate));
    return receipt;
}

}  // namespace fairstream::ledger::receipt
