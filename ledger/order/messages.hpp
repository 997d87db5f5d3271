#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/crypto/keys.hpp"
#include "ledger/contract/channel.hpp"
#include "ledger/proto/ledger.pb.h"

namespace fairstream::ledger::order {

using contract::Channel;
using identity::crypto::Hash;

/// What a vote says; within one round a node takes these steps in this order, each at most once (S1).
enum class Step : std::uint8_t { kRoundChange = 0, kPropose = 1, kPrepare = 2, kCommit = 3 };

/// Where a vote stands. A node's own votes only ever move forward.
struct Position {
    std::uint64_t height = 0;
    std::uint32_t round = 0;
    Step step = Step::kRoundChange;
    auto operator<=>(const Position&) const = default;
};
std::string to_text(const Position& position);  // "height 5, round 0, COMMIT"

/// A message from a member whose form, bounds and signatures have been checked: the only kind the replica takes.
struct Received {
    proto::SignedOrderMessage envelope;
    proto::OrderMessage body;  // of envelope.body
};

/// Bounds on what comes from outside. A block is bounded by the channel's limits besides.
constexpr std::size_t kMaxBodyBytes = 2u << 20;
constexpr std::uint32_t kMaxRound = 1'000'000;

/// Whether `signature` is `node`'s over signing_input("order/v1", channel, body).
using CheckSignature = std::function<bool(std::string_view node, ByteView body, ByteView signature)>;

/// Checks a message from outside before the replica sees it: a member of this config epoch, fields within bounds, every
/// signature that a vote will stand on (nested ones included), and that `block`, where there is one, is whole and
/// hashes to what the signed part names. Callable from any thread; costs up to q + 1 verifications, a PROPOSE of a
/// later round 2q + 1. Errors: malformed, not_a_member, wrong_epoch, bad_signature, wrong_block, too_large.
Result<Received> verify_message(const Channel& channel, proto::SignedOrderMessage message);
/// The same with another way to check signatures: one that remembers, or a test's.
Result<Received> verify_message(const Channel& channel, proto::SignedOrderMessage message, const CheckSignature& check);

/// Checks one vote by itself: member, epoch, bounds and its own signature, but nothing that it carries. Errors as
/// verify_message.
Result<proto::OrderMessage> verify_vote(const Channel& channel, const proto::SignedOrderMessage& vote);

/// Signs the body of an own message.
using Sign = std::function<identity::crypto::Signature(ByteView body)>;
Sign sign_with(identity::crypto::SigningKey key, std::string channel);

/// Where the message stands; height 0 if it has no step (never for a Received).
Position position_of(const proto::OrderMessage& body);

/// The header of `block` (serialised Block), if its transactions are the ones the header names.
/// Errors: malformed, wrong_block, too_large.
Result<proto::BlockHeader> check_whole(const Channel& channel, ByteView block);
/// SHA-256 of the header in `block` (serialised Block). Error: malformed.
Result<Hash> hash_of(ByteView block);

}  // namespace fairstream::ledger::order
