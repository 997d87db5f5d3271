#include <set>

#include "identity/crypto/merkle.hpp"
#include "ledger/contract/limits.hpp"
#include "ledger/proto/wire.hpp"
#include "ledger/validate/validator.hpp"

namespace fairstream::ledger::validate {

namespace crypto = identity::crypto;

namespace {

tl::unexpected<Error> bad_certificate(std::string why) {
    return fail("bad_certificate", "commit certificate: " + std::move(why));
}

Status check_transactions(const contract::Channel& channel, const proto::Block& block,
                          const proto::BlockHeader& header) {
    const auto& limits = channel.config().limits();
    if (static_cast<std::uint64_t>(block.transactions_size()) > limits.max_block_transactions())
        return fail("too_large", "block: " + std::to_string(block.transactions_size()) + " transactions, at most " +
                                     std::to_string(limits.max_block_transactions()));
    std::uint64_t bytes = 0;
    std::vector<crypto::Hash> leaves;
    leaves.reserve(static_cast<std::size_t>(block.transactions_size()));
    for (const auto& transaction : block.transactions()) {
        if (transaction.size() > limits.max_transaction_bytes())
            return fail("too_large", "block: a transaction has more than " +
                                         std::to_string(limits.max_transaction_bytes()) + " bytes");
        bytes += transaction.size();
        leaves.push_back(crypto::merkle_leaf(as_bytes(transaction)));
    }
    if (bytes > limits.max_block_bytes())
        return fail("too_large", "block: " + std::to_string(bytes) + " bytes of transactions, at most " +
                                     std::to_string(limits.max_block_bytes()));
    if (as_text(crypto::merkle_root(leaves)) != header.transactions_root())
        return fail("wrong_root", "block: transactions_root is not the root of its transactions");
    return {};
}

Status check_commit(const contract::Channel& channel, const proto::SignedOrderMessage& message,
                    const proto::CommitCertificate& certificate) {
    const auto body = proto::decode<proto::OrderMessage>(message.body());
    if (!body || !body->has_commit()) return bad_certificate("holds what is not a COMMIT");
    const auto& commit = body->commit();
    if (body->config_epoch() != channel.epoch()) return bad_certificate("a COMMIT is of another config epoch");
    if (commit.height() != certificate.height() || commit.round() != certificate.round() ||
        commit.block_hash() != certificate.block_hash())
        return bad_certificate("a COMMIT is for another height, round or block");
    if (!message.block().empty()) return bad_certificate("a COMMIT carries a block");
    if (!channel.verify(message.node(), "order/v1", as_bytes(message.body()), as_bytes(message.signature())))
        return bad_certificate("a COMMIT's signature is not a member's");
    return {};
}

}  // namespace

Result<proto::BlockHeader> check_block(const contract::Channel& channel, const Parent& parent,
                                       const proto::Block& block) {
    proto::BlockHeader header;
    if (!header.ParseFromString(block.header())) return fail("malformed", "block: the header does not parse");
    if (header.channel() != channel.name()) return fail("wrong_channel", "block: of another channel");
    if (header.height() != parent.height + 1)
        return fail("wrong_height", "block: height " + std::to_string(header.height()) + " does not follow " +
                                        std::to_string(parent.height));
    if (header.previous_hash() != as_text(parent.hash))
        return fail("wrong_parent", "block: previous_hash is not the parent's");
    if (header.config_epoch() != channel.epoch())
        return fail("wrong_epoch", "block: config epoch " + std::to_string(header.config_epoch()) + ", in force is " +
                                       std::to_string(channel.epoch()));
    if (header.time_us() <= parent.time_us || header.time_us() > contract::kMaxTimeUs)
        return fail("wrong_time", "block: its time is not later than its parent's");
    if (channel.node(header.proposer()) == nullptr) return fail("unknown_proposer", "block: its proposer is no member");
    FS_TRY(check_transactions(channel, block, header));
    if (header.previous_outcomes_root() != as_text(parent.outcomes_root))
        return fail("wrong_outcomes", "block: previous_outcomes_root differs from what this node found for block " +
                                          std::to_string(parent.height));
    return header;
}

Status check_certificate(const contract::Channel& channel, const proto::CommitCertificate& certificate,
                         std::uint64_t height, const crypto::Hash& block_hash) {
    if (certificate.height() != height || certificate.block_hash() != as_text(block_hash))
        return bad_certificate("is for another height or block");
    const auto commits = static_cast<std::size_t>(certificate.commits_size());
    if (commits < channel.quorum() || commits > channel.nodes().size())
        return bad_certificate("has " + std::to_string(commits) + " COMMITs, " + std::to_string(channel.quorum()) +
                               " to " + std::to_string(channel.nodes().size()) + " are right");
    std::set<std::string_view> members;
    for (const auto& message : certificate.commits()) {
        if (!members.insert(message.node()).second) return bad_certificate("a member's COMMIT stands twice");
        FS_TRY(check_commit(channel, message, certificate));
    }
    return {};
}

crypto::Hash outcomes_root(const std::vector<proto::Outcome>& outcomes) {
    std::vector<crypto::Hash> leaves;
    leaves.reserve(outcomes.size());
    for (const auto& outcome : outcomes) leaves.push_back(crypto::merkle_leaf(proto::encode(outcome)));
    return crypto::merkle_root(leaves);
}

}  // namespace fairstream::ledger::validate
