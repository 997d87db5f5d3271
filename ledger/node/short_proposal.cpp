#include "ledger/node/short_proposal.hpp"

#include <map>
#include <set>

#include "base/assert.hpp"
#include "identity/crypto/merkle.hpp"
#include "ledger/node/transaction_frame.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::node {

namespace {

constexpr std::size_t kLeafBytes = Hash{}.size();

Result<std::vector<Hash>> split_leaves(ByteView bytes) {
    if (bytes.empty() || bytes.size() % kLeafBytes != 0) return fail("malformed", "leaves have 32 bytes each");
    std::vector<Hash> leaves(bytes.size() / kLeafBytes);
    for (std::size_t i = 0; i < leaves.size(); ++i)
        std::ranges::copy(bytes.subspan(i * kLeafBytes, kLeafBytes), leaves[i].begin());
    return leaves;
}

}  // namespace

std::optional<proto::ShortProposal> shorten(const proto::SignedOrderMessage& message) {
    if (message.block().empty()) return std::nullopt;
    const auto body = proto::decode<proto::OrderMessage>(message.body());
    if (!body || !body->has_propose()) return std::nullopt;
    auto block = proto::decode<proto::Block>(message.block());
    if (!block || block->transactions().empty()) return std::nullopt;
    proto::ShortProposal out;
    auto& bare = *out.mutable_message();
    bare.set_node(message.node());
    bare.set_body(message.body());
    bare.set_signature(message.signature());
    out.set_header(std::move(*block->mutable_header()));
    for (const auto& transaction : block->transactions())
        out.mutable_leaves()->append(as_text(identity::crypto::merkle_leaf(as_bytes(transaction))));
    return out;
}

Result<ShortProposal> ShortProposal::take(std::string_view from, ByteView bytes) {
    FS_ASSIGN(auto given, proto::decode<proto::ShortProposal>(bytes));
    if (given.message().node() != from) return fail("malformed", "a proposal comes from who signed it");
    if (!given.message().block().empty()) return fail("malformed", "a short proposal with a block");
    if (given.message().body().size() > order::kMaxBodyBytes) return fail("too_large", "the body of an order message");
    FS_ASSIGN(const auto body, proto::decode<proto::OrderMessage>(given.message().body()));
    if (!body.has_propose()) return fail("malformed", "only a PROPOSE is sent short");
    FS_ASSIGN(auto leaves, split_leaves(as_bytes(given.leaves())));
    ShortProposal out;
    out.config_epoch_ = body.config_epoch();
    out.message_ = std::move(*given.mutable_message());
    out.header_ = std::move(*given.mutable_header());
    out.transactions_.resize(leaves.size());
    out.leaves_ = std::move(leaves);
    return out;
}

/// A transaction that stands at many places counts at each: a short message must not become a block beyond all bounds.
Status ShortProposal::fill(const contract::Channel& channel, const Find& find) {
    const auto& limits = channel.config().limits();
    if (leaves_.size() > limits.max_block_transactions())
        return fail("too_large", "a proposal of " + std::to_string(leaves_.size()) + " transactions");
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
        if (transactions_[i]) continue;
        auto known = find(leaves_[i]);
        if (!known) continue;
        bytes_ += known->size();
        if (bytes_ > limits.max_block_bytes())
            return fail("too_large", "a proposed block larger than the channel's limits");
        transactions_[i] = std::move(known);
    }
    return {};
}

std::vector<Hash> ShortProposal::missing() const {
    std::vector<Hash> out;
    std::set<Hash> seen;
    for (std::size_t i = 0; i < leaves_.size(); ++i)
        if (!transactions_[i] && seen.insert(leaves_[i]).second) out.push_back(leaves_[i]);
    return out;
}

Status ShortProposal::add(const contract::Channel& channel, ByteView frame) {
    const auto asked = missing();
    FS_ASSIGN(auto given, split_frame(frame));
    if (given.size() != asked.size()) return fail("wrong_transactions", "not as many transactions as were asked for");
    std::map<Hash, std::shared_ptr<const Bytes>> by_leaf;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (identity::crypto::merkle_leaf(given[i]) != asked[i])
            return fail("wrong_transactions", "another transaction than the one that was asked for");
        by_leaf.emplace(asked[i], std::make_shared<const Bytes>(std::move(given[i])));
    }
    return fill(channel, [&](const Hash& leaf) {
        const auto found = by_leaf.find(leaf);
        return found == by_leaf.end() ? std::shared_ptr<const Bytes>() : found->second;
    });
}

proto::SignedOrderMessage ShortProposal::whole() && {
    proto::Block block;
    block.set_header(std::move(header_));
    for (const auto& transaction : transactions_) {
        FS_ASSERT(transaction != nullptr);
        block.add_transactions(proto::as_field(*transaction));
    }
    block.SerializeToString(message_.mutable_block());
    return std::move(message_);
}

Result<Bytes> transactions_of(ByteView bytes, const proto::TransactionsRequest& request) {
    FS_ASSIGN(const auto wanted, split_leaves(as_bytes(request.leaves())));
    FS_ASSIGN(const auto block, proto::decode<proto::Block>(bytes));
    std::map<Hash, ByteView> by_leaf;
    for (const auto& transaction : block.transactions())
        by_leaf.emplace(identity::crypto::merkle_leaf(as_bytes(transaction)), as_bytes(transaction));
    Bytes out;
    for (const auto& leaf : wanted) {
        const auto found = by_leaf.extract(leaf);  // each once: no more than the block goes out
        if (!found) return fail("not_found", "this transaction is not in the block that was proposed last");
        append(out, base::lp(found.mapped()));
    }
    return out;
}

}  // namespace fairstream::ledger::node
