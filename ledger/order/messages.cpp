#include "ledger/order/messages.hpp"

#include "identity/crypto/merkle.hpp"
#include "ledger/order/planted.hpp"
#include "ledger/proto/wire.hpp"

namespace fairstream::ledger::order {

namespace crypto = identity::crypto;

namespace {

constexpr std::string_view kSignatureType = "order/v1";
constexpr std::size_t kMaxHeaderBytes = 4096;

tl::unexpected<Error> malformed(std::string what) {
    return fail("malformed", "order message: " + std::move(what));
}

bool is_hash(std::string_view field) {
    return field.size() == Hash{}.size();
}

/// What protobuf and framing add to the transactions' own bytes.
std::size_t max_block_bytes(const Channel& channel) {
    const auto& limits = channel.config().limits();
    return limits.max_block_bytes() + 16u * limits.max_block_transactions() + 2 * kMaxHeaderBytes;
}

template <typename Vote>
Status check_vote(const Vote& vote) {
    if (!is_hash(vote.block_hash())) return malformed("block_hash is not 32 bytes");
    return {};
}

Status check_fields(const proto::Propose& propose, int members) {
    if (propose.round_changes_size() > members || propose.prepares_size() > members)
        return malformed("more proofs than members");
    return check_vote(propose);
}

Status check_fields(const proto::RoundChange& change, int members) {
    if (change.round() == 0) return malformed("a ROUND-CHANGE to round 0");
    if (change.prepares_size() > members) return malformed("more proofs than members");
    if (change.prepared()
            ? !is_hash(change.prepared_block_hash()) || change.prepared_round() >= change.round()
            : !change.prepared_block_hash().empty() || change.prepared_round() != 0 || change.prepares_size() != 0)
        return malformed("a ROUND-CHANGE whose prepared part does not fit together");
    return {};
}

Status check_fields(const proto::OrderMessage& body, int members) {
    switch (body.step_case()) {
        case proto::OrderMessage::kPropose:
            return check_fields(body.propose(), members);
        case proto::OrderMessage::kPrepare:
            return check_vote(body.prepare());
        case proto::OrderMessage::kCommit:
            return check_vote(body.commit());
        case proto::OrderMessage::kRoundChange:
            return check_fields(body.round_change(), members);
        case proto::OrderMessage::STEP_NOT_SET:
            break;
    }
    return malformed("it has no step");
}

/// One signed message without its block and nested votes.
Result<proto::OrderMessage> check_envelope(const Channel& channel, const proto::SignedOrderMessage& message,
                                           const CheckSignature& check) {
    const bool former = planted(Bug::kFormerLeader) && channel.node(message.node()) == nullptr;
    if (channel.node(message.node()) == nullptr && !former)
        return fail("not_a_member", "order message from " + message.node().substr(0, 64) + ", which is not a member");
    if (message.body().size() > kMaxBodyBytes) return fail("too_large", "the body of an order message");
    FS_ASSIGN(auto body, proto::decode<proto::OrderMessage>(message.body()));
    if (body.config_epoch() != channel.epoch() && !planted(Bug::kAnyEpoch))
        return fail("wrong_epoch", "order message of config epoch " + std::to_string(body.config_epoch()) + ", not " +
                                       std::to_string(channel.epoch()));
    FS_TRY(check_fields(body, static_cast<int>(channel.nodes().size())));
    const auto at = position_of(body);
    if (at.height == 0 || at.round > kMaxRound) return malformed("height or round out of range");
    if (!check(message.node(), as_bytes(message.body()), as_bytes(message.signature())) &&
        !planted(Bug::kAnySignature) && !former)
        return fail("bad_signature", "the order message is not signed by " + message.node());
    return body;
}

/// `messages` are well signed and of kind `step`. What they say is the replica's to judge.
template <typename Messages>
Status check_nested(const Channel& channel, const Messages& messages, Step step, const CheckSignature& check) {
    for (const auto& message : messages) {
        if (!message.block().empty()) return malformed("a proof carries a block");
        FS_ASSIGN(const auto body, check_envelope(channel, message, check));
        if (position_of(body).step != step) return malformed("a proof of the wrong kind");
    }
    return {};
}

Status check_proofs(const Channel& channel, const proto::OrderMessage& body, const CheckSignature& check) {
    if (body.has_propose()) {
        // The PREPAREs inside each of these ROUND-CHANGEs stay unchecked: S2 lets the proposed block stand on
        // `prepares`.
        FS_TRY(check_nested(channel, body.propose().round_changes(), Step::kRoundChange, check));
        return check_nested(channel, body.propose().prepares(), Step::kPrepare, check);
    }
    if (body.has_round_change()) return check_nested(channel, body.round_change().prepares(), Step::kPrepare, check);
    return {};
}

Status check_block(const Channel& channel, const proto::OrderMessage& body, const std::string& block) {
    const bool expected = body.has_propose() || (body.has_round_change() && body.round_change().prepared());
    if (block.empty() == expected) return malformed(expected ? "the block is missing" : "a block where none belongs");
    if (!expected) return {};
    FS_TRY(check_whole(channel, as_bytes(block)));
    FS_ASSIGN(const auto hash, hash_of(as_bytes(block)));
    const auto& named = body.has_propose() ? body.propose().block_hash() : body.round_change().prepared_block_hash();
    if (as_text(hash) != named) return fail("wrong_block", "the block is not the one that was signed");
    return {};
}

CheckSignature check_with(const Channel& channel) {
    return [&channel](std::string_view node, ByteView body, ByteView signature) {
        return channel.verify(node, kSignatureType, body, signature);
    };
}

}  // namespace

std::string to_text(const Position& position) {
    constexpr std::string_view kNames[] = {"ROUND-CHANGE", "PROPOSE", "PREPARE", "COMMIT"};
    return "height " + std::to_string(position.height) + ", round " + std::to_string(position.round) + ", " +
           std::string(kNames[static_cast<std::size_t>(position.step)]);
}

Result<proto::OrderMessage> verify_vote(const Channel& channel, const proto::SignedOrderMessage& vote) {
    return check_envelope(channel, vote, check_with(channel));
}

Result<Received> verify_message(const Channel& channel, proto::SignedOrderMessage message) {
    return verify_message(channel, std::move(message), check_with(channel));
}

Result<Received> verify_message(const Channel& channel, proto::SignedOrderMessage message,
                                const CheckSignature& check) {
    if (message.block().size() > max_block_bytes(channel)) return fail("too_large", "the block of an order message");
    FS_ASSIGN(auto body, check_envelope(channel, message, check));
    FS_TRY(check_proofs(channel, body, check));
    FS_TRY(check_block(channel, body, message.block()));
    return Received{std::move(message), std::move(body)};
}

Sign sign_with(crypto::SigningKey key, std::string channel) {
    return [key = std::move(key), channel = std::move(channel)](ByteView body) {
        return key.sign(crypto::signing_input(kSignatureType, channel, body));
    };
}

Position position_of(const proto::OrderMessage& body) {
    switch (body.step_case()) {
        case proto::OrderMessage::kPropose:
            return {body.propose().height(), body.propose().round(), Step::kPropose};
        case proto::OrderMessage::kPrepare:
            return {body.prepare().height(), body.prepare().round(), Step::kPrepare};
        case proto::OrderMessage::kCommit:
            return {body.commit().height(), body.commit().round(), Step::kCommit};
        case proto::OrderMessage::kRoundChange:
            return {body.round_change().height(), body.round_change().round(), Step::kRoundChange};
        case proto::OrderMessage::STEP_NOT_SET:
            break;
    }
    return {};
}

Result<proto::BlockHeader> check_whole(const Channel& channel, ByteView block) {
    if (block.size() > max_block_bytes(channel)) return fail("too_large", "a block larger than the channel's limits");
    FS_ASSIGN(const auto parsed, proto::decode<proto::Block>(block));
    if (parsed.header().size() > kMaxHeaderBytes) return fail("too_large", "a block header above 4096 bytes");
    FS_ASSIGN(auto header, proto::decode<proto::BlockHeader>(parsed.header()));
    std::vector<Hash> leaves;
    leaves.reserve(static_cast<std::size_t>(parsed.transactions_size()));
    for (const auto& transaction : parsed.transactions()) leaves.push_back(crypto::merkle_leaf(as_bytes(transaction)));
    if (as_text(crypto::merkle_root(leaves)) != header.transactions_root())
        return fail("wrong_block", "the block's transactions are not the ones its header names");
    return header;
}

Result<Hash> hash_of(ByteView block) {
    FS_ASSIGN(const auto parsed, proto::decode<proto::Block>(block));
    return crypto::sha256(as_bytes(parsed.header()));
}

}  // namespace fairstream::ledger::order
