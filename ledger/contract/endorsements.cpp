#include "ledger/contract/endorsements.hpp"

#include <algorithm>

#include "identity/crypto/merkle.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::contract {

namespace crypto = identity::crypto;
using crypto::Hash;

namespace {

constexpr std::string_view kType = "endorsement/v2";

Bytes payload(std::uint64_t epoch, const Hash& root) {
    Bytes out;
    base::append_u64(out, epoch);
    append(out, root);
    return out;
}

/// The root that `path` leads to from the leaf, or nothing if it cannot.
std::optional<Hash> root_of(const Hash& leaf, std::uint32_t index, std::uint32_t count, ByteView path) {
    if (count > kMaxEndorsedTogether || path.size() % leaf.size() != 0) return std::nullopt;
    std::vector<Hash> siblings(path.size() / leaf.size());
    for (std::size_t i = 0; i < siblings.size(); ++i)
        std::copy_n(path.begin() + static_cast<std::ptrdiff_t>(i * leaf.size()), leaf.size(), siblings[i].begin());
    return crypto::merkle_root_from(leaf, index, count, siblings);
}

std::vector<Result<proto::EndorseResult>> all_bad(std::size_t count) {
    return std::vector<Result<proto::EndorseResult>>(
        count, fail("bad_endorsement", "its endorsement is not signed by one of its nodes"));
}

/// The config epoch that an endorser says it simulated under, of a batch whose signature says nothing under `expected`;
/// nothing if that is the one it names, too.
std::optional<std::uint64_t> another_epoch(const proto::EndorsedBatch& batch, std::uint64_t expected) {
    const auto success = std::ranges::find_if(batch.outcomes(), [](const auto& one) { return one.code().empty(); });
    const auto result = proto::decode<proto::ProposalResult>(as_bytes(success->result()));
    if (!result || result->config_epoch() == expected) return std::nullopt;
    return result->config_epoch();
}

std::vector<Result<proto::EndorseResult>> all_of_epoch(std::size_t count, std::uint64_t epoch, std::uint64_t ours) {
    return std::vector<Result<proto::EndorseResult>>(
        count, fail("other_epoch", "it endorses under config epoch " + std::to_string(epoch) + ", this node under " +
                                       std::to_string(ours) + ": one of the two is about to catch up"));
}

}  // namespace

Hash endorsement_leaf(const Hash& transaction_id, ByteView result) {
    const Hash of_result = crypto::sha256(result);
    Bytes both = to_bytes(transaction_id);
    append(both, of_result);
    return crypto::merkle_leaf(both);
}

Bytes endorsement_input(std::string_view channel, std::uint64_t epoch, const Hash& root) {
    return crypto::signing_input(kType, channel, payload(epoch, root));
}

bool verify_endorsement(const Channel& channel, const proto::Endorsement& endorsement, const Hash& leaf) {
    const auto root = root_of(leaf, endorsement.leaf(), endorsement.leaves(), as_bytes(endorsement.path()));
    return root && channel.verify(endorsement.node(), kType, payload(channel.epoch(), *root),
                                  as_bytes(endorsement.signature()));
}

std::vector<Result<proto::EndorseResult>> take_apart(const Channel& channel, const std::string& organisation,
                                                     const std::vector<Hash>& ids, proto::EndorsedBatch batch) {
    const auto* const node = channel.node(batch.node());
    if (static_cast<std::size_t>(batch.outcomes_size()) != ids.size() || ids.size() > kMaxEndorsedTogether)
        return all_bad(ids.size());
    std::vector<Hash> leaves;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto& outcome = batch.outcomes(static_cast<int>(i));
        if (outcome.code().empty()) leaves.push_back(endorsement_leaf(ids[i], as_bytes(outcome.result())));
    }
    const auto root = crypto::merkle_root(leaves);
    if (!leaves.empty() &&
        (node == nullptr || node->organisation != organisation ||
         !channel.verify(batch.node(), kType, payload(channel.epoch(), root), as_bytes(batch.signature())))) {
        const auto epoch = another_epoch(batch, channel.epoch());
        return epoch ? all_of_epoch(ids.size(), *epoch, channel.epoch()) : all_bad(ids.size());
    }
    const auto paths = crypto::merkle_paths(leaves);
    std::vector<Result<proto::EndorseResult>> out;
    std::size_t leaf = 0;
    for (auto& outcome : *batch.mutable_outcomes()) {
        if (!outcome.code().empty()) {
            out.push_back(fail(std::move(*outcome.mutable_code()), std::move(*outcome.mutable_message())));
            continue;
        }
        proto::EndorseResult result;
        result.set_result(std::move(*outcome.mutable_result()));
        auto& endorsement = *result.mutable_endorsement();
        endorsement.set_node(batch.node());
        endorsement.set_signature(batch.signature());
        endorsement.set_leaf(static_cast<std::uint32_t>(leaf));
        endorsement.set_leaves(static_cast<std::uint32_t>(leaves.size()));
        for (const auto& sibling : paths[leaf]) endorsement.mutable_path()->append(as_text(sibling));
        ++leaf;
        out.emplace_back(std::move(result));
    }
    return out;
}

}  // namespace fairstream::ledger::contract
